"""The stored assets. Wiring only: which partitions, which vendor, which table."""
