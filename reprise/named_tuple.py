"""`NamedTuple`, as `typing` has it, ready in a tenth of the time.

`typing.NamedTuple` compiles every annotation and a constructor for each class, and a start of ``reprise``
meets more than a hundred of them, which costs as much as two starts of a bare Python. Here annotations
stay text, and the constructor of a class is compiled when values of it are made again and again: to compile
one takes as long as to fill in twenty by hand. Type checkers see the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter as field_at  # the property of collections.namedtuple, in C

    MOST_BY_HAND = 8

    class NamedTupleType(type):
        """Makes a class statement with annotations into a class of tuples."""

        def __new__(cls, name, bases, namespace):
            if "__annotations__" not in namespace:
                return super().__new__(cls, name, bases, namespace)

            uses = 0

            def __new__(cls, /, *values, **named):
                nonlocal uses
                uses += 1
                items = fill_fields(made, values, named) if uses <= MOST_BY_HAND else None
                if items is not None:
                    return tuple.__new__(cls, items)
                made.__new__ = staticmethod(compile_constructor(made))
                return made.__new__(cls, *values, **named)

            fields = tuple(namespace["__annotations__"])
            own = {
                "_fields": fields,
                "_field_defaults": {name: namespace[name] for name in fields if name in namespace},
                "__match_args__": fields,
                "__slots__": (),
                "__new__": __new__,
                **{name: field_at(index, None) for index, name in enumerate(fields)},
            }
            made = super().__new__(cls, name, bases, namespace | own)
            return made

    def fill_fields(made, values, named):
        """The items of a value of ``made``; None where the arguments are not its fields."""
        items, used = list(values), 0
        for name in made._fields[len(values) :]:
            if name in named:
                items.append(named[name])
                used += 1
            elif name in made._field_defaults:
                items.append(made._field_defaults[name])
            else:
                return None
        return items if used == len(named) and len(items) == len(made._fields) else None

    def compile_constructor(made):
        """A ``__new__`` that takes the fields of ``made`` by position and by name."""
        head, items = ", ".join(("_cls", *made._fields)), "".join(f"{name}, " for name in made._fields)
        constructor = eval(f"lambda {head}: _make(_cls, ({items}))", {"_make": tuple.__new__})
        constructor.__name__, constructor.__qualname__ = "__new__", f"{made.__qualname__}.__new__"
        constructor.__defaults__ = tuple(made._field_defaults.values())
        return constructor

    class NamedTuple(tuple, metaclass=NamedTupleType):
        """A tuple whose items have names. See `typing.NamedTuple`."""

        __slots__ = ()

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"expected {len(cls._fields)} values, got {len(made)}")
            return made

        def _replace(self, /, **changes):
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"got unexpected field names: {list(changes)!r}")
            return made

        __replace__ = _replace  # for copy.replace, from Python 3.13 on

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            fields = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields)})"
