"""Pickles, read without executing anything: each operation makes inert values instead of objects."""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar, TypeAlias

from reprise.runner.verdict.files.objects import Entries, GlobalName, InertObject, Unordered

MOST_OPERATIONS = 5_000_000
"""Operations of one pickle that are followed; what takes more is not looked into."""

Continuation: TypeAlias = Callable[[InertObject, BinaryIO], Any]
"""Returns the meaning of an object that just got its state, if more data follows in the stream."""

PersistentValue: TypeAlias = Callable[[Any], Any]
"""Returns the meaning of an id of data stored outside the pickle."""

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": Entries,
    "EMPTY_SET": Unordered,
}
_PLAIN = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
    ]
)
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})


class UnreadablePickle(ValueError):
    """It is not a pickle, or not supported; the message is a clause."""


def read_pickle(
    stream: BinaryIO,
    *,
    continued: Continuation = lambda made, _stream: made,
    persistent: PersistentValue = lambda key: ("persistent id", key),
) -> Any:
    """What the pickle that begins in ``stream`` holds; the stream is behind it then.

    Raises:
        UnreadablePickle: it is none, or is not followed.
    """
    machine = _Machine(stream, continued, persistent)
    number = 0
    try:
        for operation, argument, _place in pickletools.genops(stream):
            number += 1
            if number > MOST_OPERATIONS:
                raise UnreadablePickle(f"it takes more than {MOST_OPERATIONS:,} operations")
            machine.perform_operation(operation.name, argument)
        return machine.pop()
    except UnreadablePickle:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadablePickle(f"it is not a complete pickle: {error}") from error


class _Mark:
    """Where a group of values begins on the stack."""


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self, stream: BinaryIO, continued: Continuation, persistent: PersistentValue) -> None:
        self.stream = stream
        self.continued = continued
        self.persistent = persistent
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def pop(self) -> Any:
        return self.stack.pop()

    def perform_operation(self, name: str, argument: Any) -> None:
        """One operation, by the name that ``pickletools`` has for it."""
        if name in _PLAIN:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name not in _IGNORED:
            self._operations[name](self, argument)

    def _pop_group(self) -> list[Any]:
        """What was put on the stack since the last mark, which goes with it."""
        place = next(
            index for index in range(len(self.stack) - 1, -1, -1) if isinstance(self.stack[index], _Mark)
        )
        group = self.stack[place + 1 :]
        del self.stack[place:]
        return group

    def _mark(self, _argument: Any) -> None:
        self.stack.append(_Mark())

    def _drop(self, _argument: Any) -> None:
        self.stack.pop()

    def _drop_group(self, _argument: Any) -> None:
        self._pop_group()

    def _repeat(self, _argument: Any) -> None:
        self.stack.append(self.stack[-1])

    def _memorize(self, argument: Any) -> None:
        self.memory[len(self.memory) if argument is None else int(argument)] = self.stack[-1]

    def _remember(self, argument: Any) -> None:
        self.stack.append(self.memory[int(argument)])

    def _list(self, _argument: Any) -> None:
        self.stack.append(self._pop_group())

    def _tuple(self, _argument: Any) -> None:
        self.stack.append(tuple(self._pop_group()))

    def _dict(self, _argument: Any) -> None:
        self.stack.append(Entries(_pair_items(self._pop_group())))

    def _frozenset(self, _argument: Any) -> None:
        self.stack.append(Unordered(self._pop_group()))

    def _bytearray(self, argument: Any) -> None:
        self.stack.append(bytes(argument))

    def _tuple_of(self, size: int) -> None:
        items = tuple(self.stack[-size:])
        del self.stack[-size:]
        self.stack.append(items)

    def _append(self, _argument: Any) -> None:
        item = self.pop()
        self._items_of(self.stack[-1]).append(item)

    def _extend(self, _argument: Any) -> None:
        group = self._pop_group()
        self._items_of(self.stack[-1]).extend(group)

    def _items_of(self, owner: Any) -> list[Any]:
        found = owner if isinstance(owner, list) else owner.items
        assert isinstance(found, list)
        return found

    def _set_item(self, _argument: Any) -> None:
        value, key = self.pop(), self.pop()
        self._entries_of(self.stack[-1]).append((key, value))

    def _set_items(self, _argument: Any) -> None:
        pairs = _pair_items(self._pop_group())
        self._entries_of(self.stack[-1]).extend(pairs)

    def _entries_of(self, owner: Any) -> list[tuple[Any, Any]]:
        return owner.pairs if isinstance(owner, Entries) else owner.entries

    def _global(self, argument: Any) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(GlobalName(module, name))

    def _stack_global(self, _argument: Any) -> None:
        name, module = self.pop(), self.pop()
        self.stack.append(GlobalName(str(module), str(name)))

    def _extension(self, argument: Any) -> None:
        self.stack.append(GlobalName("copyreg", f"extension {argument}"))

    def _call(self, _argument: Any) -> None:
        arguments, maker = self.pop(), self.pop()
        self.stack.append(InertObject(maker, arguments))

    def _call_with_names(self, _argument: Any) -> None:
        named, arguments, maker = self.pop(), self.pop(), self.pop()
        self.stack.append(InertObject(maker, (*arguments, named) if named.pairs else arguments))

    def _call_group(self, _argument: Any) -> None:
        maker, *arguments = self._pop_group()
        self.stack.append(InertObject(maker, tuple(arguments)))

    def _instance(self, argument: Any) -> None:
        arguments = tuple(self._pop_group())
        self._global(argument)
        self.stack.append(InertObject(self.pop(), arguments))

    def _build(self, _argument: Any) -> None:
        state = self.pop()
        made = self.stack[-1]
        made.state, made.has_state = state, True
        self.stack[-1] = self.continued(made, self.stream)

    def _persistent(self, argument: Any) -> None:
        self.stack.append(self.persistent(self.pop() if argument is None else argument))

    _operations: ClassVar[dict[str, Callable[[_Machine, Any], None]]] = {
        "MARK": _mark,
        "POP": _drop,
        "POP_MARK": _drop_group,
        "DUP": _repeat,
        "PUT": _memorize,
        "BINPUT": _memorize,
        "LONG_BINPUT": _memorize,
        "MEMOIZE": _memorize,
        "GET": _remember,
        "BINGET": _remember,
        "LONG_BINGET": _remember,
        "LIST": _list,
        "TUPLE": _tuple,
        "TUPLE1": lambda self, _: self._tuple_of(1),
        "TUPLE2": lambda self, _: self._tuple_of(2),
        "TUPLE3": lambda self, _: self._tuple_of(3),
        "DICT": _dict,
        "FROZENSET": _frozenset,
        "BYTEARRAY8": _bytearray,
        "APPEND": _append,
        "APPENDS": _extend,
        "ADDITEMS": _extend,
        "SETITEM": _set_item,
        "SETITEMS": _set_items,
        "GLOBAL": _global,
        "STACK_GLOBAL": _stack_global,
        "EXT1": _extension,
        "EXT2": _extension,
        "EXT4": _extension,
        "REDUCE": _call,
        "NEWOBJ": _call,
        "NEWOBJ_EX": _call_with_names,
        "OBJ": _call_group,
        "INST": _instance,
        "BUILD": _build,
        "PERSID": _persistent,
        "BINPERSID": _persistent,
    }


def _pair_items(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(items[::2], items[1::2], strict=True))
