"""``reprise experiments``."""

from __future__ import annotations

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option


@click.group()
def experiments() -> None:
    """List experiments."""


@experiments.command("list")
@tracking_option
@json_option
def list_(tracking_uri: str | None, json_: bool) -> None:
    """All active experiments, newest first."""
    from reprise.runner.find import all_experiments

    with opened(tracking_uri) as tracking:
        found = all_experiments(tracking)
    if json_:
        show.as_json(found)
        return
    rows = [(item.experiment_id, item.name, show.ago(item.creation_time)) for item in found]
    show.table(("ID", "NAME", "CREATED"), rows)
