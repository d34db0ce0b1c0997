"""The command of an entry point as text for bash: where values stand in it, and their quotes."""
