"""A private copy of the model registry, as it was at a time; a confined run reads and changes this one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from reprise.errors import TrackingError
from reprise.schemas.entities import ModelVersion, Page, RegisteredModel
from reprise.tracking.base import Tracking
from reprise.tracking.protocols.copying import CopyPlace, SourceVersion
from reprise.tracking.registry import open_destination

log = logging.getLogger(__name__)

_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"
_DEFAULT_EXPERIMENT = "0"

T = TypeVar("T")


class RegistryCopy:
    """The registry of ``tracking`` in ``folder``, without what is newer than ``since`` (ms since 1970).

    ``aliases`` are where aliases pointed then, by address (``models:/iris@champion``), as far as that is
    known; the others are where they are now.
    """

    def __init__(self, tracking: Tracking, since: int, aliases: Mapping[str, str], folder: Path) -> None:
        self._tracking = tracking
        self._made: set[tuple[str, str]] = set()
        self.store = open_destination(folder)
        for only in ("", _PROMPTS):
            for model in _items(partial(_find_models, tracking, only)):
                if model.creation_time <= since:
                    self._copy_model(model, since, only)
                    self._point_aliases(model, aliases)

    def _copy_model(self, model: RegisteredModel, since: int, only: str) -> None:
        self.store.put_registered_model(model)
        name = model.name.replace("'", "''")
        condition = " AND ".join(filter(None, (f"name = '{name}'", only)))
        for version in _items(partial(_find_versions, self._tracking, condition)):
            if version.creation_time <= since:
                # The copy has no logged models but those that the run makes.
                self.store.put_version(SourceVersion(version._replace(model_id=None, aliases=()), None))

    def _point_aliases(self, model: RegisteredModel, known: Mapping[str, str]) -> None:
        prefix = f"models:/{model.name}@"
        now = {alias: str(number) for alias, number in model.aliases.items()}
        then = {
            address.removeprefix(prefix): number
            for address, number in known.items()
            if address.startswith(prefix)
        }
        for alias, number in {**now, **then}.items():
            try:
                self.store.set_registered_model_alias(model.name, alias, number)
            except TrackingError:  # the version is newer than the run, or gone
                if alias not in then:
                    log.warning(
                        'Alias "%s" of model "%s" is on version %s, which is newer than the run: '
                        "where it was then is not known",
                        alias,
                        model.name,
                        number,
                    )

    def bring_model(self, model_id: str) -> None:
        """Copy a logged model, so that a version can be made of it."""
        model = self._tracking.get_logged_model(model_id)
        self.store.put_model(model, _DEFAULT_EXPERIMENT, None)
        self.store.finish_copy(CopyPlace("model", model_id), saw_files=True)

    def note_version(self, name: str, version: str) -> None:
        """The run has registered this version."""
        self._made.add((name, version))

    def find_location(self, name: str, version: str) -> str | None:
        """The URI of the files of a version that the run registered; None: it did not."""
        if (name, version) not in self._made:
            return None
        try:
            found = self.store.get_model_version(name, version)
        except TrackingError:  # the run has renamed or deleted it
            return None
        if found.model_id:
            return self._tracking.get_logged_model(found.model_id).artifact_uri
        if found.source.startswith("runs:/"):
            run_id, _, path = found.source.removeprefix("runs:/").partition("/")
            return f"{self._tracking.get_run(run_id).artifact_uri}/{path}".rstrip("/")
        return self.store.model_version_download_uri(name, version)

    def close(self) -> None:
        self.store.close()


def _find_models(tracking: Tracking, condition: str, token: str | None) -> Page[RegisteredModel]:
    return tracking.search_registered_models(filter=condition, page_token=token)


def _find_versions(tracking: Tracking, condition: str, token: str | None) -> Page[ModelVersion]:
    return tracking.search_model_versions(filter=condition, page_token=token)


def _items(read: Callable[[str | None], Page[T]]) -> Iterator[T]:
    token: str | None = None
    while True:
        page = read(token)
        yield from page.items
        if not page.next_token or page.next_token == token:
            return
        token = page.next_token
