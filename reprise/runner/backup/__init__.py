"""Back up a store to one file while it is in use, and restore it."""
