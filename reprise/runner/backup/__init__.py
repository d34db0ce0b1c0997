"""A store as one file, made while it is in use, and back."""
