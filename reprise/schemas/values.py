"""Is this text a value of that parameter? The answer is None or a sentence; the text is never changed."""

from __future__ import annotations

import re

from reprise.schemas.project import Parameter

TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})

_URI = r"(?s)[A-Za-z][A-Za-z0-9+.\-]+:.+"


def find_fault(parameter: Parameter, text: str) -> str | None:
    """Why ``text`` cannot be the parameter's value: its type first, then its constraints."""
    return _type_fault(parameter.type, text) or _constraint_fault(parameter, text)


def _type_fault(kind: str, text: str) -> str | None:
    if kind.startswith("list["):
        return _list_fault(kind.removeprefix("list[").removesuffix("]"), text)
    if kind == "int" and not _can_parse(int, text):
        return f'"{text}" is not an int'
    if kind == "float" and not _can_parse(float, text):
        return f'"{text}" is not a float'
    if kind == "bool" and text.lower() not in TRUE_WORDS | FALSE_WORDS:
        return f'"{text}" is not a bool (true or false)'
    if kind == "uri" and not re.fullmatch(_URI, text):
        return f'"{text}" is not an absolute URI (scheme:...)'
    return None


def _list_fault(kind: str, text: str) -> str | None:
    for number, item in enumerate(_split_items(text), start=1):
        if sentence := _type_fault(kind, item):
            return f"item {number}: {sentence}"
    return None


def _split_items(text: str) -> list[str]:
    """The items of ``[1, 2]``, ``1,2`` or ``1 2``."""
    if text.startswith("[") and text.endswith("]"):
        from ast import literal_eval

        try:
            value = literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            text = text[1:-1]  # words without quotes, as in [adam, sgd]
        else:
            return [str(item) for item in value] if isinstance(value, list) else [text]
    return [item for item in re.split(r"[\s,]+", text) if item]


def _pattern_fault(pattern: str, text: str) -> str | None:
    from reprise.schemas.patterns import search_pattern

    found = search_pattern(pattern, text)
    if found is None:
        return f'the pattern {pattern} takes too long for "{text}"'
    return None if found else f'"{text}" does not match the pattern {pattern}'


def _constraint_fault(parameter: Parameter, text: str) -> str | None:
    if parameter.enum and not _is_one_of(parameter, text):
        return f'"{text}" is not one of {", ".join(parameter.enum)}'
    if parameter.pattern is not None and (fault := _pattern_fault(parameter.pattern, text)):
        return fault
    if parameter.type in ("int", "float"):
        number = float(text)
        if parameter.minimum is not None and not number >= parameter.minimum:
            return f"{text} is below the minimum {parameter.minimum:g}"
        if parameter.maximum is not None and not number <= parameter.maximum:
            return f"{text} is above the maximum {parameter.maximum:g}"
    return None


def _is_one_of(parameter: Parameter, text: str) -> bool:
    if parameter.type in ("int", "float"):
        return any(_can_parse(float, choice) and float(choice) == float(text) for choice in parameter.enum)
    return text in parameter.enum


def _can_parse(kind: type[int] | type[float], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return text == text.strip()
