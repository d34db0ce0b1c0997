"""The files that the parameters of a recorded run name: found again, and found to be what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from reprise.errors import RepriseError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.capture.inputs import is_fetched, name_changes
from reprise.runner.planning.bind import Localise
from reprise.runner.record import digests
from reprise.schemas.job import ParameterSource
from reprise.schemas.record.run_record import InputRecord, RunRecord


class RestorePlaces(NamedTuple):
    """The bases of relative paths: ``project`` for defaults, ``base`` for given values.

    ``original`` is the original root of the source, ``restored`` the restored one; None if it is not known
    or could not be restored. ``bundled`` returns the path of an input in a bundle.
    """

    project: Path | None
    base: Path
    original: Path | None
    restored: Path | None
    bundled: Callable[[str], Path | None] | None = None


def find_inputs(
    record: RunRecord, places: RestorePlaces, fetch: Localise, faults: list[RepriseError]
) -> Localise:
    """Return a function that localises parameters with checked files; changed files are added to
    ``faults``.

    ``fetch`` is for remote files, and for values that the run did not have.
    """
    values = {item.name: item for item in record.parameters}
    found: dict[tuple[str, Path | None], Path] = {}
    for item in record.inputs:
        asked = values.get(item.name)
        if item.kind == "dataset" or asked is None or asked.value is None:
            continue
        base = places.project if asked.source == ParameterSource.DEFAULT else places.base
        try:
            path = _check_input(item, asked.value, base, places, fetch)
        except RepriseError as error:
            faults.append(error)
        else:
            if path is not None:
                found[asked.value, base] = path
    return lambda value, base: found.get((value, base)) or fetch(value, base)


def _check_input(
    item: InputRecord, value: str, base: Path | None, places: RestorePlaces, fetch: Localise
) -> Path | None:
    """Return the path of the input; None if it is not known because the source is missing.

    Raises:
        UsageError: it was removed or changed.
    """
    uri = item.uri or value
    bundled = places.bundled and places.bundled(item.name)
    if is_fetched(uri) and base is not None and not bundled:
        return _find_unchanged(item, [fetch(value, base)])
    candidates = [] if is_fetched(uri) else [*_candidate_places(uri, places)]
    candidates += [bundled] if bundled else []
    return _find_unchanged(item, candidates) if candidates else None


def _find_unchanged(item: InputRecord, candidates: Sequence[Path]) -> Path:
    """Return the first candidate that is unchanged."""
    another = f"use --set {item.name}=PATH for a variation of the run with another input"
    there = [path for path in candidates if path.exists()]
    if not there:
        raise UsageError(f"input {item.name} is missing: {candidates[-1]}", hint=another)
    if item.digest is None:
        return there[0]
    seen = []
    for path in there:
        digest = digests.of_path(path)
        if f"sha256:{digest.sha256}" == item.digest:
            return path
        seen.append(f"{path} is sha256:{digest.sha256} ({digest.size} bytes){_list_changed(item, path)}")
    raise UsageError(
        f"input {item.name} has changed: {', '.join(seen)}; it was {item.digest} ({item.size} bytes)",
        hint=another,
    )


def _list_changed(item: InputRecord, folder: Path) -> str:
    """Which files of the folder are not what they were; empty where their digests are not recorded."""
    if not item.files or not folder.is_dir():
        return ""
    now = {name: f"sha256:{digest.sha256}" for name, digest in digests.of_each(folder).items()}
    return f", another {name_changes(item.files, now)}"


def _candidate_places(path: str, places: RestorePlaces) -> Iterator[Path]:
    """Yield the path in the restored source, then the original path."""
    if Path(path).is_absolute():
        yield Path(path)
        return
    if places.restored is None:
        return
    yield places.restored / path
    if places.original is not None:
        yield places.original / path


def given_parameters(record: RunRecord) -> dict[str, str | None]:
    """The parameters that were given to the run, but for secrets; its defaults are the project's."""
    return {
        item.name: item.value
        for item in record.parameters
        if not item.secret and item.source != ParameterSource.DEFAULT
    }
