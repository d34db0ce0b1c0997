"""Runs of an MLflow file store, and the points of their metrics."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import (
    ACTIVE,
    DELETED,
    RUN_STATUSES,
    Dataset,
    DatasetInput,
    Metric,
    ModelLink,
    Run,
)
from reprise.schemas.tags import RUN_NAME, USER
from reprise.tracking.copy.filestore.layout import META, Layout, StoreFolder
from reprise.tracking.copy.filestore.meta import Meta, key_files, read_meta, read_texts
from reprise.tracking.protocols.copying import Fault, Note

_STATUS_NUMBERS = dict(enumerate(("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"), 1))
UNKNOWN_STATUS = "KILLED"
"""Of a run that lost its meta.yaml: it is not running, and whether it succeeded is not known."""


class RunReading(NamedTuple):
    """A run, and what could not be read of it."""

    run: Run
    faults: tuple[Fault, ...]


def read_run(layout: Layout, folder: StoreFolder, experiment_id: str) -> RunReading:
    """The run of a folder; without a meta.yaml it is made of what else is there."""
    owner = f"run {folder.id}"
    tags = read_texts(folder.path / "tags", "tags", owner)
    params = read_texts(folder.path / "params", "params", owner)
    faults = [*tags.faults, *params.faults]
    try:
        meta = read_meta(folder.path / META)
    except TrackingError as error:
        faults.append(_note_reconstructed(owner, error.message))
        run = _from_files(folder, experiment_id, dict(tags.values))
    else:
        run = _from_meta(meta, folder, experiment_id, dict(tags.values))
        faults += [Fault("runs", owner, META, reason, pieces=0) for reason in meta.faults]
    inputs = list(_read_links(layout, folder, "inputs", faults))
    outputs = list(_read_links(layout, folder, "outputs", faults))
    home = folder.path.parent.parent if folder.path.parent.name == ".trash" else folder.path.parent
    datasets = (
        _read_dataset(home / "datasets", link, owner, faults)
        for link in inputs
        if link.read_text("source_type") == "DATASET"
    )
    return RunReading(
        run._replace(
            params=params.values,
            tags=tags.values,
            dataset_inputs=tuple(given for given in datasets if given),
            model_inputs=tuple(
                ModelLink(link.read_text("source_id"))
                for link in inputs
                if link.read_text("source_type") != "DATASET"
            ),
            model_outputs=tuple(
                ModelLink(link.read_text("destination_id"), link.read_number("step") or 0)
                for link in outputs
            ),
        ),
        tuple(faults),
    )


def read_points(folder: Path, run_id: str) -> Iterator[Metric | Fault | Note]:
    """Every point of a run's metrics, line by line."""
    owner = f"run {run_id}"
    for found in key_files(folder / "metrics", "points", owner):
        if isinstance(found, Fault):
            yield found
            continue
        key, file = found
        name = f"metrics/{key}"
        try:
            with file.open("rb") as lines:
                line = b"\n"
                for number, line in enumerate(lines, 1):
                    if not line.strip():
                        continue
                    try:
                        yield read_point(key, line.decode().rstrip("\r\n").split(" "))
                    except (ValueError, OverflowError):
                        yield Fault(
                            "points", owner, name, f"line {number} is not a point: {_show_line(line)}"
                        )
                if not line.endswith(b"\n") and line.strip():
                    yield Note(f"{owner}: {name} ends without an end of line; its last point may be cut")
        except OSError as error:
            yield Fault("points", owner, name, f"it cannot be read: {error.strerror}")


def read_point(key: str, words: list[str]) -> Metric:
    """Timestamp, value, step (old MLflow had none), a dataset's name, where spaces may be, and digest.

    Raises:
        ValueError, OverflowError: they are not a point.
    """
    timestamp, value, *rest = words
    point = Metric(key, float(value), _parse_integer(timestamp), _parse_integer(rest[0]) if rest else 0)
    about = rest[1:]
    return point._replace(dataset_name=" ".join(about[:-1]), dataset_digest=about[-1]) if about else point


def _parse_integer(word: str) -> int:
    number = int(word)
    if not -(2**63) <= number < 2**63:
        raise OverflowError(word)
    return number


def _from_meta(meta: Meta, folder: StoreFolder, experiment_id: str, tags: dict[str, str]) -> Run:
    stage = meta.read_text("lifecycle_stage") or ACTIVE
    deleted = folder.is_deleted or stage == DELETED
    return Run(
        run_id=folder.id,
        run_name=meta.read_text("run_name", "name") or tags.get(RUN_NAME, ""),
        experiment_id=experiment_id,
        user_id=meta.read_text("user_id"),
        status=meta.read_with("status", _run_status, UNKNOWN_STATUS),
        start_time=meta.read_number("start_time") or 0,
        end_time=meta.read_number("end_time"),
        artifact_uri=meta.read_text("artifact_uri") or str(folder.path / "artifacts"),
        lifecycle_stage=DELETED if deleted else ACTIVE,
        deleted_time=meta.read_number("deleted_time") if deleted else None,
    )


def _from_files(folder: StoreFolder, experiment_id: str, tags: dict[str, str]) -> Run:
    times = [round(time * 1000) for time in modification_times(folder.path)]
    return Run(
        run_id=folder.id,
        run_name=tags.get(RUN_NAME, ""),
        experiment_id=experiment_id,
        user_id=tags.get(USER, ""),
        status=UNKNOWN_STATUS,
        start_time=min(times, default=0),
        end_time=max(times, default=0),
        artifact_uri=str(folder.path / "artifacts"),
        lifecycle_stage=DELETED if folder.is_deleted else ACTIVE,
    )


def modification_times(folder: Path) -> Iterator[float]:
    """Of all files below a folder, in seconds since the epoch; where there are none, of the folder."""
    found = False
    for parent, _, names in os.walk(folder):
        for name in names:
            found = True
            yield Path(parent, name).lstat().st_mtime
    if not found:
        yield folder.stat().st_mtime


def _note_reconstructed(owner: str, reason: str) -> Fault:
    text = f"it {reason}; the times are those of the files, and how the run ended is not known"
    return Fault("runs", owner, META, text, pieces=0)


def _run_status(value: object) -> str:
    """MLflow writes a number; older versions wrote the word."""
    return str(value) if value in RUN_STATUSES else _STATUS_NUMBERS[int(str(value))]


def _read_links(layout: Layout, folder: StoreFolder, name: str, faults: list[Fault]) -> Iterator[Meta]:
    """The meta.yaml of each input or output; those that cannot be read go to ``faults``."""
    owner = f"run {folder.id}"
    for link in layout.list_folders(folder.path / name, "links", owner):
        if isinstance(link, Fault):
            faults.append(link)
            continue
        try:
            yield read_meta(link / META)
        except TrackingError as error:
            faults.append(Fault("links", owner, f"{name}/{link.name}/{META}", error.message))


def _read_dataset(folder: Path, link: Meta, owner: str, faults: list[Fault]) -> DatasetInput | None:
    identity = link.read_text("source_id")
    name = f"datasets/{identity}/{META}"
    if "/" in identity or identity in {"", ".", ".."}:
        faults.append(Fault("datasets", owner, ascii(identity), "it is not the id of a dataset"))
        return None
    try:
        meta = read_meta(folder / identity / META)
    except TrackingError as error:
        faults.append(Fault("datasets", owner, name, error.message))
        return None
    dataset = Dataset(
        name=meta.read_text("name"),
        digest=meta.read_text("digest"),
        source_type=meta.read_text("source_type"),
        source=meta.read_text("source"),
        schema=meta.read_optional("schema"),
        profile=meta.read_optional("profile"),
    )
    return DatasetInput(dataset, link.read_pairs("tags"))


def _show_line(line: bytes) -> str:
    text = line.decode(errors="backslashreplace").strip()
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
