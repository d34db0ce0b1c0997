"""How a work tree lies, compared with its commit byte for byte; no program that it names is run."""
