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
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    metavar="KEY",
    help="Sign it: an Ed25519 key, as a PEM file. Needs reprise-ml[sign].",
)
@click.option("--offline", is_flag=True, help="Fetch nothing: use what is there. [env: REPRISE_OFFLINE]")
@tracking_option
@json_option
def make(
    run: str,
    output: Path | None,
    with_packages: bool,
    max_input: str | None,
    sign: Path | None,
    offline: bool,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Put RUN into a file: source, environment lock, record, inputs, artifacts, metrics.

    RUN is a run id, the start of one, or @last.
    """
    from reprise.amounts import read_size
    from reprise.runner.bundle import making
    from reprise.runner.planning.request import is_offline

    most = making.MAX_INPUT if max_input is None else read_size("--max-input", max_input)
    wanted = making.Wanted(with_packages, most, sign, is_offline(offline))
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
        show.print_value(str(made.path))


@bundle.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="PUB", help="Demand that this key has signed it."
)
@json_option
def verify(file: Path, key: Path | None, json_: bool) -> None:
    """Say whether each file of a bundle is as it was made, and who has signed that.

    The source that it shows must be the one that it runs.

    Without --key anybody may have made the bundle; exit code 3 when it is not as it was made.
    """
    from reprise.runner.bundle.opening import check_provenance, record_of, unpacked
    from reprise.runner.bundle.reviewing import check_kept_source

    with unpacked(file) as found:
        manifest, provenance = found.manifest, check_provenance(found, key)
        check_kept_source(found, record_of(found))
    counted = show.counted(len(manifest.files), "file")
    signed = "signed with the key" if key else "signed" if provenance.signatures else "not signed"
    log.info("%s is whole: run %s, %s, %s", file, manifest.run_id, counted, signed)
    if json_:
        show.as_json(
            {
                "run_id": manifest.run_id,
                "files": len(manifest.files),
                "left_out": manifest.left_out,
                "signed": bool(provenance.signatures),
                "checked": key is not None,
            }
        )
