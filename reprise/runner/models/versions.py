"""All versions of a registered model, with the aliases that point at each."""

from __future__ import annotations

from reprise.schemas.entities import ModelVersion, RegisteredModel
from reprise.tracking.base import Tracking


def versions_of(tracking: Tracking, model: RegisteredModel) -> list[ModelVersion]:
    """Newest first."""
    from reprise.tracking.search.paging import pages

    quoted = model.name.replace("'", "''")
    search = tracking.search_model_versions
    found = pages(lambda token: search(filter=f"name = '{quoted}'", max_results=1000, page_token=token))
    versions = (with_aliases(version, model) for version in found)
    return sorted(versions, key=lambda version: version.version, reverse=True)


def with_aliases(version: ModelVersion, model: RegisteredModel) -> ModelVersion:
    """Return ``version`` with its aliases from its model, which every server returns."""
    aliases = sorted(alias for alias, number in model.aliases.items() if number == version.version)
    return version._replace(aliases=tuple(aliases))
