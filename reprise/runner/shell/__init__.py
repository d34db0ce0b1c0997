"""The command of an entry point as text for bash: places of values, and their quoting."""
