"""``python -m reprise``."""

from reprise.cli import main

main()
