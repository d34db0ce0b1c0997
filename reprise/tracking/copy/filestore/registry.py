"""The registry of an MLflow file store: ``models/<name>/{meta.yaml,version-<n>,aliases,tags}``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reprise.errors import TrackingError
from reprise.schemas.entities import ModelVersion, RegisteredModel
from reprise.tracking.artifacts.locations import place_of
from reprise.tracking.copy.filestore.layout import META, REGISTRY, Layout
from reprise.tracking.copy.filestore.meta import Meta, read_meta, read_texts
from reprise.tracking.protocols.copying import Fault, Note, SourceVersion

_VERSION = "version-"


def read_registry(layout: Layout) -> Iterator[RegisteredModel | Fault | Note]:
    for folder in layout.list_folders(layout.root / REGISTRY, "models", "the registry"):
        if isinstance(folder, Fault):
            yield folder
            continue
        owner = f"registered model {folder.name!r}"
        tags = read_texts(folder / "tags", "tags", owner)
        aliases = read_texts(folder / "aliases", "aliases", owner)
        try:
            meta = read_meta(folder / META)
        except TrackingError as error:
            if not any(folder.glob(f"{_VERSION}*")):
                yield Note(f"{folder} is left out: its {META} {error.message}, and it holds no version")
                continue
            text = f"it {error.message}; the description is lost"
            yield Fault("models", owner, META, text, pieces=0)
            meta = Meta({})
        model = RegisteredModel(
            name=folder.name,
            creation_time=meta.read_number("creation_timestamp") or 0,
            last_update_time=meta.read_number("last_updated_timestamp") or 0,
            description=meta.read_text("description"),
            tags=tags.values,
            aliases={
                alias: int(text) for alias, text in aliases.values.items() if text.strip().isdecimal()
            },
        )
        yield from (*tags.faults, *aliases.faults)
        yield from (Fault("models", owner, META, reason, pieces=0) for reason in meta.faults)
        for alias, text in aliases.values.items():
            if alias not in model.aliases:
                yield Fault("aliases", owner, f"aliases/{alias}", f"{text!r} is not a version")
        yield model


def read_versions(layout: Layout, model: RegisteredModel) -> Iterator[SourceVersion | Fault | Note]:
    """Also those that were deleted."""
    owner = f"registered model {model.name!r}"
    home = layout.root / REGISTRY / model.name
    for folder in layout.list_folders(home, "versions", owner):
        if isinstance(folder, Fault):
            yield folder
            continue
        if not folder.name.startswith(_VERSION):
            continue
        word = folder.name.removeprefix(_VERSION)
        if not word.isdecimal():
            yield Fault("versions", owner, folder.name, "it has no number")
            continue
        yield from _read_version(folder, model, int(word))


def _read_version(folder: Path, model: RegisteredModel, number: int) -> Iterator[SourceVersion | Fault]:
    owner = f"version {number} of {model.name!r}"
    tags = read_texts(folder / "tags", "tags", owner)
    yield from tags.faults
    try:
        meta = read_meta(folder / META)
    except TrackingError as error:
        yield Fault("versions", owner, META, f"it {error.message}; what the version points at is lost")
        return
    source = meta.read_text("source")
    version = ModelVersion(
        name=model.name,
        version=number,
        creation_time=meta.read_number("creation_timestamp") or 0,
        last_update_time=meta.read_number("last_updated_timestamp") or 0,
        source=source,
        description=meta.read_text("description"),
        user_id=meta.read_text("user_id"),
        current_stage=meta.read_text("current_stage") or "None",
        run_id=meta.read_text("run_id"),
        run_link=meta.read_text("run_link"),
        status=meta.read_text("status") or "READY",
        status_message=meta.read_text("status_message"),
        model_id=meta.read_text("model_id") or None,
        tags=tags.values,
        aliases=tuple(alias for alias, pointed in model.aliases.items() if pointed == number),
    )
    yield from (Fault("versions", owner, META, reason, pieces=0) for reason in meta.faults)
    yield SourceVersion(version, place_of(meta.read_text("storage_location") or source))
