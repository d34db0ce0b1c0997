"""Which version of a registered model is meant: by number, alias, stage, or the newest."""

from __future__ import annotations

from reprise.errors import UsageError
from reprise.schemas.entities import MODEL_STAGES, ModelVersion
from reprise.tracking.base import Tracking

SCHEME = "models:/"
LATEST = "latest"


def versions_of(tracking: Tracking, name: str) -> list[ModelVersion]:
    """All versions, newest first; the aliases are those of the model, which every server tells.

    Raises:
        TrackingError: there is no such model.
    """
    from reprise.tracking.import_tracking import pages

    aliases = tracking.get_registered_model(name).aliases
    quoted = name.replace("'", "''")
    search = tracking.search_model_versions
    found = pages(lambda token: search(filter=f"name = '{quoted}'", max_results=1000, page_token=token))
    named = (
        item._replace(aliases=tuple(sorted(alias for alias in aliases if aliases[alias] == item.version)))
        for item in found
    )
    return sorted(named, key=lambda version: version.version, reverse=True)


def find_version(tracking: Tracking, name: str, selector: str) -> ModelVersion:
    """The version that ``selector`` means: a number, ``@alias``, ``latest``, or a stage (its newest).

    Raises:
        UsageError: there is no such version.
        TrackingError: there is no such model.
    """
    versions = versions_of(tracking, name)
    stage = next((word for word in MODEL_STAGES if word.lower() == selector.lower()), None)
    if selector.startswith("@"):
        found = [item for item in versions if selector[1:] in item.aliases]
    elif selector.lower() == LATEST:
        found = versions
    elif stage is not None:
        found = [item for item in versions if item.current_stage == stage]
    else:
        found = [item for item in versions if str(item.version) == selector]
    if not found:
        raise UsageError(f'model "{name}" has no version "{selector}"', hint=f"reprise models show {name}")
    return found[0]


def split(uri: str) -> tuple[str, str]:
    """The name and the selector of ``models:/NAME/SELECTOR`` or ``models:/NAME@ALIAS``.

    Raises:
        UsageError: it is neither.
    """
    rest = uri.removeprefix(SCHEME)
    name, slash, selector = rest.rpartition("/")
    if not slash:
        name, at, alias = rest.rpartition("@")
        selector = f"{at}{alias}"
    if not uri.startswith(SCHEME) or not name.strip("/") or selector in ("", "@"):
        raise UsageError(
            f'"{uri}" names no version of a model',
            hint="give models:/NAME/VERSION, models:/NAME@ALIAS or models:/NAME/STAGE",
        )
    return name.strip("/"), selector
