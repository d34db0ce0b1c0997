"""The Pythons that an environment may get where its project leaves the choice: the newest first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import chain, islice
from pathlib import Path

from reprise.envs.base import current_interpreter
from reprise.envs.pythons import interpreters
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple

_OLDEST = (3, 6)  # what uv can make environments for


class Candidate(NamedTuple):
    """A CPython by its full version; ``path`` is None where it would have to be downloaded first."""

    version: str
    path: Path | None = None

    @property
    def series(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def options(self) -> list[str]:
        """The options that make uv work for it."""
        return ["--python", str(self.path)] if self.path is not None else self.hypothetical

    @property
    def hypothetical(self) -> list[str]:
        """The options that make uv find packages for it by its version, without another Python."""
        return ["--python", str(current_interpreter()), "--python-version", self.version]


class Candidates:
    """Those that come into question, the first choice first; each is looked at when it is its turn."""

    def __init__(self, found: Iterator[Candidate]) -> None:
        self._looked_at: list[Candidate] = []
        self._others = found

    def __iter__(self) -> Iterator[Candidate]:
        at = 0
        while at < len(self._looked_at) or self._look_at_next():
            yield self._looked_at[at]
            at += 1

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def keep_installed(self) -> Candidates:
        """Those that are on this machine."""
        return Candidates(candidate for candidate in self if candidate.path is not None)

    def _look_at_next(self) -> bool:
        """Whether there is another; it is the last of those that were looked at then."""
        more = list(islice(self._others, 1))
        self._looked_at += more
        return bool(more)


def find_candidates(
    request: str | None, log: Path, *, offline: bool = False, as_of: str | None = None
) -> Candidates:
    """One candidate of each series that meets ``request`` (a range, None for any).

    They begin with the newest that is installed: one that is newer still is downloaded only where no
    other will do.

    Args:
        as_of: an RFC 3339 time; a series that was released later does not count.
    """
    installed = {
        series: path
        for series, path in interpreters.find_installed_series().items()
        if _version_numbers(series) >= _OLDEST and (as_of is None or was_released(series, as_of))
    }
    here = (_find_installed(path, log) for _, path in _newest_first(installed))
    found = here if offline or not interpreters.may_download() else _with_downloads(installed, as_of, log)
    return Candidates(item for item in found if item is not None and _meets_request(item.version, request))


def _with_downloads(installed: dict[str, Path], as_of: str | None, log: Path) -> Iterator[Candidate | None]:
    """The newest that is installed, then all that are older, then what is newer and can be downloaded."""
    ordered = [series for series, _ in _newest_first(installed)]
    newest = ordered[0] if ordered else ""
    if newest:
        yield _find_installed(installed[newest], log)
    downloads = {
        candidate.series: candidate
        for version in reversed(interpreters.list_downloadable(log))
        if (candidate := Candidate(version)).series not in installed
        and (as_of is None or was_released(candidate.series, as_of))
    }
    others = sorted({*ordered[1:], *downloads}, key=_version_numbers)
    newer = [series for series in others if newest and _version_numbers(series) > _version_numbers(newest)]
    older = [series for series in reversed(others) if series not in newer]
    for series in chain(older, newer):
        yield _find_installed(installed[series], log) if series in installed else downloads[series]


def list_released_series() -> list[str]:
    """Every series that uv can make environments for and that was released when this was written."""
    return sorted(
        (series for series in _load_releases() if _version_numbers(series) >= _OLDEST),
        key=_version_numbers,
        reverse=True,
    )


def is_newer(one: Candidate, other: Candidate) -> bool:
    """Whether ``one`` is of a later version than ``other``."""
    return _version_numbers(one.version) > _version_numbers(other.version)


def was_released(series: str, as_of: str) -> bool:
    """Whether Python ``series`` was released by the RFC 3339 time ``as_of``.

    One that is too new for our table follows the yearly rhythm of the Python releases.
    """
    known = _load_releases()
    day = known.get(series)
    if day is None:
        last = max(known, key=_version_numbers)
        years = _version_numbers(series)[1] - _version_numbers(last)[1]
        day = date.fromisoformat(known[last]).replace(year=int(known[last][:4]) + years).isoformat()
    return f"{day}T00:00:00Z" < as_of


def _find_installed(path: Path, log: Path) -> Candidate | None:
    """Return the Python at ``path``; None if it does not start, or is not a CPython."""
    try:
        found = interpreters.read_interpreter(path, log)
    except EnvError:
        return None
    return Candidate(found.version, found.path) if found.implementation == "CPython" else None


def _newest_first(series: dict[str, Path]) -> list[tuple[str, Path]]:
    return sorted(series.items(), key=lambda item: _version_numbers(item[0]), reverse=True)


def _meets_request(version: str, request: str | None) -> bool:
    if request is None:
        return True
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return version in SpecifierSet(f"=={request.strip()}.*" if request.strip().isdigit() else request)
    except InvalidSpecifier:
        return False


@cache
def _load_releases() -> dict[str, str]:
    """The day on which the first version of each series was released."""
    content = Path(__file__).with_name("python_releases.json").read_text(encoding="utf-8")
    releases: dict[str, str] = json.loads(content)
    return releases


def _version_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
