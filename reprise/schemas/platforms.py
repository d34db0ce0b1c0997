"""This machine in conda's words (``linux-64``), which lock files and pixi use."""

from __future__ import annotations

import os


def here() -> str:
    """The word of this machine."""
    system = os.uname()
    name = "osx" if system.sysname == "Darwin" else system.sysname.lower()
    return f"{name}-{'64' if system.machine == 'x86_64' else system.machine}"


def selectors() -> tuple[str, ...]:
    """What a file may call this machine, the widest word first: ``unix``, ``linux``, ``linux-64``."""
    word = here()
    return "unix", word.partition("-")[0], word
