"""The sockets that servers listen at."""

from __future__ import annotations

import socket

BACKLOG = 2048
"""Connections that wait to be accepted."""


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: the address is taken, or none of this machine.
    """
    listening = bind_socket(host, port)
    try:
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def bind_socket(host: str, port: int) -> socket.socket:
    """A socket that has its address and does not listen yet.

    It says that it is TCP, so that asyncio sends small answers without delay.

    Raises:
        OSError: the address is taken, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    unheard = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        unheard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        unheard.bind((host, port))
    except BaseException:
        unheard.close()
        raise
    return unheard
