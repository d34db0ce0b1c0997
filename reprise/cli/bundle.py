"""``reprise bundle``: a run as one file, and whether such a file is whole."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option

log = logging.getLogger(__name__)

_MAKE = "make"


class _RunOrVerb(click.Group):
    """A first word that is no verb names a run: ``reprise bundle 3f2a`` makes a bundle of it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = [_MAKE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunOrVerb)
def bundle() -> None:
    """Put a run into one file, from which it is performed again on any machine.

    reprise bundle RUN is short for reprise bundle make RUN, and reprise reproduce FILE performs it.
    """


@bundle.command(_MAKE)
@click.argument("run")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="[default: the run's id, .zip]"
)
@click.option("--with-packages", is_flag=True, help="The packages of the environment, or its image, too.")
@click.option("--max-input", metavar="SIZE", help="Leave out larger inputs. [default: 100MB]")
@click.option("--offline", is_flag=True, help="Fetch nothing: use what is there. [env: REPRISE_OFFLINE]")
@tracking_option
@json_option
def make(
    run: str,
    output: Path | None,
    with_packages: bool,
    max_input: str | None,
    offline: bool,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Put RUN into a file: source, environment lock, record, inputs, artifacts, metrics.

    RUN is a run id, the start of one, or @last.
    """
    from reprise.runner.bundle import making
    from reprise.runner.capture import guards
    from reprise.runner.request import is_offline

    most = making.MAX_INPUT if max_input is None else guards.size("--max-input", max_input)
    wanted = making.Wanted(with_packages, most, None, is_offline(offline))
    started = time.monotonic()
    with opened(tracking_uri) as tracking:
        made = making.make(tracking, run, output, wanted)
    for item in made.left_out:
        log.warning("Left out: %s (%s)", item.path, item.reason)
    took = show.duration(time.monotonic() - started)
    counted = show.counted(made.files, "file")
    log.info("Bundled run %s: %s, %s, in %s", made.run_id, counted, show.size(made.size), took)
    if json_:
        show.as_json(made)
    else:
        click.echo(made.path)


@bundle.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def verify(file: Path, json_: bool) -> None:
    """Say whether each file of a bundle is as it was made."""
    from reprise.runner.bundle.opening import unpacked

    with unpacked(file) as found:
        manifest = found.manifest
    log.info("%s is whole: run %s, %s", file, manifest.run_id, show.counted(len(manifest.files), "file"))
    if json_:
        show.as_json(manifest._replace(files=()))
