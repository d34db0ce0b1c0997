"""This machine in conda's words (``linux-64``), which lock files and pixi use."""

from __future__ import annotations

import os


def current_platform() -> str:
    """The word of this machine."""
    system = os.uname()
    name = "osx" if system.sysname == "Darwin" else system.sysname.lower()
    return f"{name}-{'64' if system.machine == 'x86_64' else system.machine}"


def platform_selectors() -> tuple[str, ...]:
    """What a file may call this machine, the widest word first: ``unix``, ``linux``, ``linux-64``."""
    word = current_platform()
    return "unix", word.partition("-")[0], word
