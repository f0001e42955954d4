"""Where bars come from: the question that a vendor answers, the registry, and an adapter a folder."""
