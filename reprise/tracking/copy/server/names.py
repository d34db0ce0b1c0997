"""Names of artifacts as MLflow's servers take them.

A server decodes a name until nothing is left to decode, so that ``%41`` becomes ``A``, and refuses ``#``,
a back slash and what leaves its folder. A part of a path that it would change or refuse is sent in a form
of its own: ``=q=`` and the name with ``=XX`` for each byte that is not plain.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_MARK = "=q="
_PLAIN = re.compile(rb"[A-Za-z0-9 ._()+,@~-]")
_CODED = re.compile(r"=([0-9A-F]{2})")
_REFUSED = set("#\\")


def name_there(path: str) -> str:
    """The path of an artifact as it is sent to a server."""
    return "/".join(_encode_part(part) if _needs_code(part) else part for part in path.split("/"))


def name_here(path: str) -> str:
    """The path of an artifact that ``name_there`` made, as it was; others as they are."""
    return "/".join(_decode_part(part) if part.startswith(_MARK) else part for part in path.split("/"))


def _needs_code(part: str) -> bool:
    return (
        part.startswith(_MARK)
        or bool(_REFUSED & set(part))
        or unquote(part) != part
        or not part.isprintable()
        or bool(re.match(r"[A-Za-z]+:", part))  # a scheme, or a drive of Windows
    )


def _encode_part(part: str) -> str:
    coded = (bytes([byte]) for byte in part.encode())
    return _MARK + "".join(byte.decode() if _PLAIN.match(byte) else f"={byte[0]:02X}" for byte in coded)


def _decode_part(part: str) -> str:
    raw = _CODED.sub(lambda found: chr(int(found[1], 16)), part.removeprefix(_MARK))
    try:
        return raw.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        return part  # no name that was made here
