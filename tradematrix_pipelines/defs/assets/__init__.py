"""The seven assets. Each only wires: which partitions, which vendor, which table."""
