"""Sandboxed runs that only see what they need of this machine: ``--sandbox``, with bubblewrap."""
