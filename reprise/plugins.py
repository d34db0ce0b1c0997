"""Objects of other installed packages, found by entry points.

It is not used for our own names, so that a start does not scan every installed package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reprise.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def find_names(group: str) -> list[str]:
    """Return the names of all entry points of ``group``, sorted."""
    from importlib.metadata import entry_points

    return sorted({point.name for point in entry_points(group=group)})


def find_entry_point(group: str, name: str) -> EntryPoint | None:
    """Return the entry point ``name`` of ``group``; None when no installed package has it.

    Raises:
        UsageError: several packages have it.
    """
    from importlib.metadata import entry_points

    points = {(point.value, package_of(point)): point for point in entry_points(group=group, name=name)}
    if len(points) > 1:
        packages = " and ".join(sorted({package for _, package in points}))
        raise UsageError(f'"{name}" is brought by {packages}', hint="uninstall all of them but one")
    return next(iter(points.values()), None)


def load_module(point: EntryPoint, what: str, protocol: type) -> Any:
    """Return the module that ``point`` names, which has all that ``protocol`` asks for.

    ``what`` says what it is. Its ``NAME`` is that of the entry point.

    Raises:
        UsageError: it cannot be imported, or does not fit; the message names its package.
    """
    found = load_object(point, what)
    asked = [*protocol.__annotations__]
    asked += [name for name, member in vars(protocol).items() if callable(member) and name[0] != "_"]
    fault = ""
    if lacking := [name for name in asked if not hasattr(found, name)]:
        fault = f"lacks {', '.join(lacking)}"
    elif point.name != found.NAME:
        fault = f'calls itself "{found.NAME}"'
    if fault:
        raise UsageError(
            f'the {what} "{point.name}" of the package {package_of(point)} does not fit this version of '
            f"reprise: {point.value} {fault}",
            hint="update or uninstall that package",
        )
    return found


def load_object(point: EntryPoint, what: str) -> Any:
    """Return the object that ``point`` names; ``what`` says what it is.

    Raises:
        UsageError: it cannot be imported; the message names its package.
    """
    try:
        return point.load()
    except Exception as error:  # its code can fail in any way
        raise UsageError(
            f'the {what} "{point.name}" of the package {package_of(point)} cannot be imported '
            f"({point.value}): {type(error).__name__}: {error}",
            hint="update or uninstall that package",
        ) from error


def package_of(point: EntryPoint) -> str:
    """Return the name and version of the package that has the entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "of unknown name"
