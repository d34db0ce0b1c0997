"""Runs that see no more of this machine than they need: ``--sandbox``, by bubblewrap."""
