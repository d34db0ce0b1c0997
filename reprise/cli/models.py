"""``reprise models``: the model registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.cli.models_image import build_docker
from reprise.cli.models_predict import predict
from reprise.cli.models_serve import serve
from reprise.cli.options import json_option, opened, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.schemas.entities import ModelVersion, RegisteredModel


@click.group()
def models() -> None:
    """Manage registered models: list, register, alias, serve, predict, package, delete."""


models.add_command(build_docker)
models.add_command(predict)
models.add_command(serve)


@models.command("list")
@click.option("-f", "--filter", "filter_", default="", metavar="TEXT", help="MLflow's search language.")
@tracking_option
@json_option
def list_(filter_: str, tracking_uri: str | None, json_: bool) -> None:
    """List registered models by name, with their newest version."""
    from reprise.tracking.search.paging import pages

    with opened(tracking_uri) as tracking:
        search = tracking.search_registered_models
        found = list(pages(lambda token: search(filter=filter_, page_token=token)))
    if json_:
        show.as_json(found)
        return
    show.table(("NAME", "VERSION", "STAGE", "ALIASES", "CHANGED"), [_row(model) for model in found])


@models.command("show")
@click.argument("name")
@click.argument("version", required=False)
@tracking_option
@json_option
def show_(name: str, version: str | None, tracking_uri: str | None, json_: bool) -> None:
    """Show a registered model with its versions, or the lineage of VERSION.

    VERSION is a number, @ALIAS, a stage, or latest. The lineage has the run that logged it, the project and
    commit, the environment, the data, and whether the run was reproduced.
    """
    from reprise.runner.models.versions import versions_of

    if version is not None:
        _show_lineage(name, version, tracking_uri, json_)
        return
    with opened(tracking_uri) as tracking:
        model = tracking.get_registered_model(name)
        versions = versions_of(tracking, model)
    if json_:
        show.as_json({**model._asdict(), "versions": versions})
        return
    facts = [
        ("description", model.description),
        ("created", show.ago(model.creation_time)),
        ("changed", show.ago(model.last_update_time)),
    ]
    show.pairs(f"Model {model.name}", [(name, value) for name, value in facts if value])
    show.pairs("Tags", sorted(model.tags.items()))
    show.pairs(
        "Aliases", [(alias, f"version {version}") for alias, version in sorted(model.aliases.items())]
    )
    if versions:
        head = ("VERSION", "STAGE", "ALIASES", "RUN", "CREATED", "SOURCE", "DESCRIPTION")
        show.table(head, [_version_row(version) for version in versions])


def _show_lineage(name: str, version: str, tracking_uri: str | None, json_: bool) -> None:
    from reprise.runner.jobs.find import find_version
    from reprise.runner.models.lineage import trace_lineage

    with opened(tracking_uri) as tracking:
        found = trace_lineage(tracking, find_version(tracking, name, version))
    if json_:
        show.as_json(found)
        return
    from reprise.cli.lineage_tree import draw

    draw(found)


@models.command("register")
@click.argument("source")
@click.argument("name")
@click.option("--description", metavar="TEXT", help="Description of the version.")
@tracking_option
@json_option
def register(
    source: str, name: str, description: str | None, tracking_uri: str | None, json_: bool
) -> None:
    """Register SOURCE as the next version of the model NAME, created if missing.

    SOURCE is runs:/RUN/PATH, models:/m-ID or models:/NAME/VERSION. RUN is a run id or its prefix, or @last.
    """
    from reprise.runner.models.register import register_model

    with opened(tracking_uri) as tracking:
        version = register_model(tracking, source, name, description)
    if json_:
        show.as_json(version)
    else:
        show.print_note(f'Registered version {version.version} of "{name}" from {version.source}')


@models.command("alias")
@click.argument("name")
@click.argument("alias")
@click.argument("version", required=False)
@click.option("--delete", is_flag=True, help="Remove the alias instead.")
@tracking_option
def alias(name: str, alias: str, version: str | None, delete: bool, tracking_uri: str | None) -> None:
    """Set ALIAS of the model NAME to VERSION, which models:/NAME@ALIAS then refers to."""
    if delete == (version is not None):
        raise UsageError("give either VERSION or --delete")
    with opened(tracking_uri) as tracking:
        if version is None:
            if alias not in tracking.get_registered_model(name).aliases:
                raise UsageError(
                    f'model "{name}" has no alias "{alias}"', hint=f"reprise models show {name}"
                )
            tracking.delete_registered_model_alias(name, alias)
            show.print_note(f'Removed alias "{alias}" of "{name}"')
            return
        tracking.set_registered_model_alias(name, alias, version)
    show.print_note(f'Alias "{alias}" of "{name}" is version {version}')


@models.command("stage")
@click.argument("name")
@click.argument("version")
@click.argument("stage")
@click.option(
    "--archive-existing", is_flag=True, help="Move the current versions of that stage to Archived."
)
@tracking_option
def stage(name: str, version: str, stage: str, archive_existing: bool, tracking_uri: str | None) -> None:
    """Move a version of the model NAME to STAGE: None, Staging, Production or Archived."""
    with opened(tracking_uri) as tracking:
        moved = tracking.transition_model_version_stage(
            name, version, stage, archive_existing_versions=archive_existing
        )
    show.print_note(f'Version {version} of "{name}" is in stage {moved.current_stage}')


@models.command("delete")
@click.argument("name")
@click.argument("versions", metavar="[VERSION]...", nargs=-1)
@tracking_option
def delete(name: str, versions: tuple[str, ...], tracking_uri: str | None) -> None:
    """Permanently delete versions of the model NAME, or the model. The files stay with their runs."""
    from reprise.runner.models.versions import versions_of

    with opened(tracking_uri) as tracking:
        model = tracking.get_registered_model(name)
        there = {str(version.version) for version in versions_of(tracking, model)}
        for version in versions:
            if version not in there:
                hint = f"reprise models show {name}"
                raise UsageError(f'model "{name}" has no version "{version}"', hint=hint)
        for version in dict.fromkeys(versions):
            tracking.delete_model_version(name, version)
            show.print_note(f'Deleted version {version} of "{name}"')
        if not versions:
            tracking.delete_registered_model(name)
            show.print_note(f'Deleted model "{name}" with {show.counted(len(there), "version")}')


def _row(model: RegisteredModel) -> tuple[str, ...]:
    newest = max(model.latest_versions, key=lambda version: version.version, default=None)
    aliases = ", ".join(f"{alias}={version}" for alias, version in sorted(model.aliases.items()))
    number, stage = (str(newest.version), newest.current_stage) if newest else ("", "")
    return model.name, number, stage, aliases, show.ago(model.last_update_time)


def _version_row(version: ModelVersion) -> tuple[str, ...]:
    return (
        str(version.version),
        version.current_stage,
        ", ".join(version.aliases),
        version.run_id[:8],
        show.ago(version.creation_time),
        version.source,
        version.description,
    )
