"""Platforms by conda's words (``linux-64``), as locks and ``--platform`` say them, and uv's names."""

from __future__ import annotations

from reprise.errors import UsageError

UV_NAMES = {
    "linux-64": "x86_64-unknown-linux-gnu",
    "linux-aarch64": "aarch64-unknown-linux-gnu",
    "osx-64": "x86_64-apple-darwin",
    "osx-arm64": "aarch64-apple-darwin",
    "win-64": "x86_64-pc-windows-msvc",
    "win-arm64": "aarch64-pc-windows-msvc",
}


def uv_name(word: str) -> str:
    """uv's name of the platform ``word``.

    Raises:
        UsageError: uv knows no such platform.
    """
    if word not in UV_NAMES:
        raise UsageError(f'--platform: there is no "{word}"', hint=f"use one of {', '.join(UV_NAMES)}")
    return UV_NAMES[word]
