"""The files of an MLflow file store: ``meta.yaml`` with its fields, and folders of texts named by keys.

What cannot be read is a fault, or counts as absent; the rest of the file is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.tracking.copy.artifacts.walk import link_fault
from reprise.tracking.protocols.copying import Fault

_LARGEST = 1 << 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Meta:
    """The fields of a meta.yaml. One that is not what it should be is absent, and one of ``faults``."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.faults: list[str] = []

    def read_text(self, *names: str) -> str:
        """The first of the names that has a value, as text."""
        return next((str(self.fields[name]) for name in names if self.fields.get(name) is not None), "")

    def read_optional(self, name: str) -> str | None:
        """The text, None where there is none."""
        return None if self.fields.get(name) is None else str(self.fields[name])

    def read_number(self, *names: str) -> int | None:
        """The first of the names that has a value: an integer of 64 bits."""
        for name in names:
            value = self.fields.get(name)
            if value is None or value == "":
                continue
            try:
                number = int(value)
                if -(2**63) <= number < 2**63:
                    return number
            except (TypeError, ValueError):
                pass
            self.faults.append(f"{name} is {value!r}, which is not a number")
        return None

    def read_with(self, name: str, reader: Callable[[Any], Any], default: Any) -> Any:
        """What ``reader`` makes of the value."""
        if self.fields.get(name) is None:
            return default
        try:
            return reader(self.fields[name])
        except (LookupError, TypeError, ValueError):
            self.faults.append(f"{name} is {self.fields[name]!r}, which is not known")
            return default

    def read_pairs(self, name: str) -> dict[str, str]:
        value = self.fields.get(name) or {}
        if not isinstance(value, Mapping):
            self.faults.append(f"{name} is {value!r}")
            return {}
        return {str(key): str(item) for key, item in value.items()}


def read_meta(file: Path) -> Meta:
    """Read a file; raise TrackingError if it is missing, or not in MLflow's format."""
    if file.is_symlink() and (reason := link_fault(file, [file.parent.resolve()])):
        raise TrackingError(reason)
    try:
        if file.stat().st_size > _LARGEST:
            raise TrackingError("is larger than MLflow writes it")
        fields = yaml.load(file.read_text("utf-8"), Loader=_LOADER)
    except FileNotFoundError:
        raise TrackingError("is missing") from None
    except OSError as error:
        raise TrackingError(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TrackingError("is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise TrackingError(f"is not YAML{where}") from error
    except (ValueError, RecursionError) as error:  # a date that is none, a nesting that has no end
        raise TrackingError(f"is not YAML: {error}") from error
    if not isinstance(fields, dict):
        raise TrackingError("is empty" if fields is None else "is not what MLflow writes")
    return Meta(fields)


class Texts(NamedTuple):
    """The texts of a folder by their keys, and those that cannot be read."""

    values: Mapping[str, str]
    faults: tuple[Fault, ...]


def read_texts(folder: Path, kind: str, owner: str) -> Texts:
    """A slash in a key is a folder."""
    values: dict[str, str] = {}
    faults: list[Fault] = []
    for found in key_files(folder, kind, owner):
        if isinstance(found, Fault):
            faults.append(found)
            continue
        key, file = found
        try:
            values[key] = file.read_bytes().decode()
        except UnicodeDecodeError as error:
            faults.append(
                Fault(kind, owner, _name_text(folder, key), f"it is not UTF-8 text (byte {error.start})")
            )
        except OSError as error:
            faults.append(
                Fault(kind, owner, _name_text(folder, key), f"it cannot be read: {error.strerror}")
            )
    return Texts(values, tuple(faults))


def key_files(folder: Path, kind: str, owner: str) -> Iterator[tuple[str, Path] | Fault]:
    """Key and file of everything that a folder holds."""
    unread: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unread.append):
        folders.sort()
        for path in (Path(parent, name) for name in sorted(names)):
            key = path.relative_to(folder).as_posix()
            if not _is_text(key):
                yield Fault(kind, owner, _name_text(folder, ascii(key)), "its name is not UTF-8 text")
            elif path.is_symlink() and (reason := link_fault(path, [folder.resolve()])):
                yield Fault(kind, owner, _name_text(folder, key), reason)
            elif path.is_file():
                yield key, path
            else:
                yield Fault(kind, owner, _name_text(folder, key), "it is not a regular file")
        for name in list(folders):
            if Path(parent, name).is_symlink():
                key = Path(parent, name).relative_to(folder).as_posix()
                yield Fault(kind, owner, _name_text(folder, key), "it is a link to a folder")
    for error in unread:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            yield Fault(kind, owner, str(error.filename), f"it cannot be read: {error.strerror}")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_text(folder: Path, key: str) -> str:
    """How messages name a text: as the file that it is."""
    return f"{folder.name}/{key}"
