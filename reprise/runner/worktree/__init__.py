"""Compare a work tree with its commit byte for byte, without running programs in its configuration."""
