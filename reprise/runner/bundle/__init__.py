"""A run as one file, which is enough to perform it again elsewhere."""
