"""Another system's tables beside ours: by how much stamps are off, and where two series differ. Pure."""
