"""Faults of a command template (``str.format`` syntax), reported before anything is run."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator

from reprise.schemas.faults import did_you_mean, shorten_text


def template_faults(command: str, declared: Collection[str]) -> Iterator[str]:
    """A sentence for every placeholder in ``command`` that no ``declared`` parameter can fill."""
    try:
        pieces = list(string.Formatter().parse(command))
    except ValueError as error:
        yield _explain_unbalanced(str(error))
        return
    told: set[str] = set()
    for literal, name, spec, conversion in pieces:
        if name is None:
            continue
        written = name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        if name in declared and written == name:
            continue
        sentence = _placeholder_fault(written, name, declared, after_dollar=literal.endswith("$"))
        if sentence not in told:
            told.add(sentence)
            yield sentence


def _placeholder_fault(written: str, name: str, declared: Collection[str], *, after_dollar: bool) -> str:
    shown = shorten_text(written)
    if after_dollar:
        plain = f"${name} or " if written == name and name.isidentifier() else ""
        return (
            f'"${{{shown}}}" is read as a parameter, which is not declared; '
            f"the shell's own is written {plain}${{{{{shown}}}}}"
        )
    if not written or written.isdigit():
        return (
            f'"{{{shown}}}" has no name; write the name of a parameter, or {{{{{shown}}}}} for the braces'
        )
    if name in declared:
        return f'"{{{shown}}}" has a format; a parameter is passed as it is, write {{{name}}}'
    base = name.split(".")[0].split("[")[0]
    if base in declared:
        return f'"{{{shown}}}" looks into a parameter, which is only text; write {{{base}}}'
    sentence = f'"{{{shown}}}" is not a declared parameter'
    if not written.replace("-", "_").strip().isidentifier():
        return f"{sentence}; literal braces are written {{{{ and }}}}"
    return sentence + (did_you_mean(name, declared) or '; declare it below "parameters:"')


def _explain_unbalanced(problem: str) -> str:
    side = "}" if "'}' encountered" in problem else "{"
    return f'a single "{side}"; write a literal brace as {side}{side}'
