"""What the words of a command line say: ``NAME=VALUE``, text that can be recorded, a sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.schemas.job import Sandbox


def sandbox_of(sandbox: bool, no_network: bool) -> Sandbox | None:
    """Return the sandbox that the two options request; ``--no-network`` implies ``--sandbox``."""
    from reprise.schemas.job import Sandbox

    return Sandbox.from_options(sandbox, network=not no_network)


def name_values(option: str, words: Sequence[str]) -> dict[str, str | None]:
    """Split each word at its first ``=``; a bare name has the value None. A repeated name is an error."""
    values: dict[str, str | None] = {}
    for word in words:
        refuse_undecodable(option, word)
        name, separator, value = word.partition("=")
        if not name:
            raise UsageError(f'{option} "{word}" has no name', hint=f"write {option} NAME=VALUE")
        if name in values:
            raise UsageError(f'{option} "{name}" is given more than once', hint="give it once")
        values[name] = value if separator else None
    return values


def refuse_undecodable(option: str, text: str | None) -> None:
    """Raise UsageError for bytes that are not text in the terminal's encoding: they cannot be recorded."""
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        raise UsageError(f"{option} {text!r} is not UTF-8 text") from None
