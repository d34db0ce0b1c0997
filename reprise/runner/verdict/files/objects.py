"""What a pickle makes, as inert values: names of classes, and what they would be called with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from reprise.runner.verdict.files.arrays import TypedArray

Meaning: TypeAlias = Callable[[Any], Any]
"""What an object of a pickle is: a plain value, an array, or the object itself where it is not known."""


@dataclass(frozen=True, slots=True)
class GlobalName:
    """A class or function that a pickle names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class InertObject:
    """An object that unpickling would make: ``maker`` called with ``arguments``, then given the rest.

    ``items`` are appended to it, ``entries`` set in it; ``state`` is that of ``__setstate__``, and
    ``has_state`` distinguishes the state None from no state.
    """

    __slots__ = ("arguments", "entries", "has_state", "items", "maker", "state")

    def __init__(self, maker: Any, arguments: Any) -> None:
        self.maker = maker
        self.arguments = arguments
        self.state: Any = None
        self.has_state = False
        self.items: list[Any] = []
        self.entries: list[tuple[Any, Any]] = []

    @property
    def describe(self) -> str:
        """The name of its class, as far as it says one."""
        named = self.arguments[0] if self.is_made_plainly and self.arguments else self.maker
        return str(named) if isinstance(named, GlobalName) else "an object"

    @property
    def is_made_plainly(self) -> bool:
        """Whether a function of the library makes an object of the class that is its first argument."""
        return isinstance(self.maker, GlobalName) and (self.maker in _PLAIN_MAKERS)


_PLAIN_MAKERS = {
    GlobalName("copyreg", "_reconstructor"),
    GlobalName("copy_reg", "_reconstructor"),
    GlobalName("copyreg", "__newobj__"),
}


class Entries:
    """A dict that a pickle makes, in its order; the keys may be anything."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[Any, Any]] | None = None) -> None:
        self.pairs = pairs or []


class Unordered:
    """A set or frozenset that a pickle makes, whose order is of one process alone."""

    __slots__ = ("items",)

    def __init__(self, items: list[Any] | None = None) -> None:
        self.items = items or []


def exact_text(value: Any, meaning: Meaning) -> str:
    """A text that two values share only when they are the same, whatever the order of their sets.

    Args:
        meaning: what an object is, where that is known.

    Raises:
        RecursionError: the value is nested too deeply, or holds itself.
    """

    def iterate_texts(values: Iterable[Any]) -> Iterator[str]:
        return (exact_text(item, meaning) for item in values)

    value = meaning(value)
    match value:
        case Unordered():
            return f"{{{', '.join(sorted(iterate_texts(value.items)))}}}"
        case list() | tuple():
            return f"{type(value).__name__}({', '.join(iterate_texts(value))})"
        case Entries():
            return f"dict({', '.join(sorted(iterate_texts(value.pairs)))})"
        case InertObject():
            parts = (value.maker, value.arguments, value.items, Entries(value.entries), value.state)
            return f"object({', '.join(iterate_texts(parts))})"
        case TypedArray():
            return f"array({value.describe}, {value.data!r})"
    return repr(value)
