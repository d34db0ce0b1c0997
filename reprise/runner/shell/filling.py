"""The command of an entry point as bash text: literal parts, and values quoted for their places."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from reprise.runner.shell.quoting import MARK, QuotingPlace, Refused, is_harmless, quote_at

Part = tuple[str, str | None]
"""Text as it is, and the name of the parameter whose value follows it."""


class Unwritable(Exception):
    """``reasons`` by parameter name why values cannot be written at their place in the command."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(*reasons.values())
        self.reasons = reasons


def fill_command(
    parts: Sequence[Part], texts: Mapping[str, str], more: Sequence[str] = (), masked: Collection[str] = ()
) -> str:
    """Return the text of ``parts`` with ``texts`` by name; a name without a text becomes empty.

    Args:
        more: the names of texts that follow as ``--name text``.
        masked: the names of texts that are masks, and need not arrive.

    Raises:
        Unwritable: a text cannot be written so that it arrives unchanged.
    """
    literal = "".join(text for text, _ in parts)
    if _is_simple(literal, texts.values(), is_extended=bool(more)):
        filled = _join_parts(parts, lambda name: texts.get(name, ""))
    else:
        filled = _fill_places(parts, texts, more, masked)
    return filled + "".join(f" --{shlex.quote(name)} {shlex.quote(texts[name])}" for name in more)


def _is_simple(literal: str, texts: Iterable[str], *, is_extended: bool) -> bool:
    """Return whether each text is a plain word at its place, and arguments can follow if needed."""
    special = "<{$" + ("#\\'\"`" if is_extended else "")
    return all(map(is_harmless, texts)) and not any(char in literal for char in special)


def _fill_places(
    parts: Sequence[Part], texts: Mapping[str, str], more: Sequence[str], masked: Collection[str]
) -> str:
    from reprise.runner.shell.reader import read_places

    names = [name for _, name in parts if name is not None]
    try:
        reading = read_places(_join_parts(parts, lambda _: MARK))
    except RecursionError:
        raise Unwritable(dict.fromkeys([*names, *more], "the command is nested too deep")) from None
    reasons: dict[str, str] = {}
    written: list[str] = []
    for name, place in zip(names, reading.places, strict=True):
        try:
            written.append(quote_at(place, texts[name]) if name in texts else "")
        except Refused as refused:
            written.append(texts[name])
            if name not in masked:
                reasons.setdefault(name, str(refused))
    if reading.end.kind != "plain":
        why = f"the command ends inside of this: {reading.end.kind}; no argument can follow"
        reasons |= dict.fromkeys(more, why)
    if not reasons and not masked:
        marked = iter(f"{MARK}{text}{MARK}" for text in written)
        reasons = _find_misread(names, reading.places, _join_parts(parts, lambda _: next(marked)))
    if reasons:
        raise Unwritable(reasons)
    values = iter(written)
    return _join_parts(parts, lambda _: next(values))


def _find_misread(names: Sequence[str], places: Sequence[QuotingPlace], text: str) -> dict[str, str]:
    """Parse the text with its values again: each must begin and end at its place."""
    from reprise.runner.shell.reader import read_places

    try:
        found = read_places(text, in_pairs=True).places
    except Refused as refused:
        in_documents = (place.kind.startswith(("here-", "literal")) for place in places)
        return {name: str(refused) for name, inside in zip(names, in_documents, strict=True) if inside}
    planned = [kind for place in places for kind in (place.kind, place.after or place.kind)]
    if [place.kind for place in found] == planned:
        return {}
    return dict.fromkeys(names, "it would change how bash parses the rest of the command")


def _join_parts(parts: Sequence[Part], written: Callable[[str], str]) -> str:
    return "".join(text + (written(name) if name is not None else "") for text, name in parts)
