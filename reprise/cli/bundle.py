"""``reprise bundle``: export a run to one file, and verify bundles."""

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
    """A group whose first word may be a run: ``reprise bundle 3f2a`` is ``reprise bundle make 3f2a``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = [_MAKE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunOrVerb)
def bundle() -> None:
    """Export a run to one file that can be rerun on any machine.

    reprise bundle RUN is short for reprise bundle make RUN. Use reprise reproduce FILE to rerun it.
    """


@bundle.command(_MAKE)
@click.argument("run")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Output file. [default: RUN_ID.zip]",
)
@click.option(
    "--with-packages", is_flag=True, help="Include the packages of the environment, or its image."
)
@click.option("--max-input", metavar="SIZE", help="Leave out larger inputs. [default: 100MB]")
@click.option(
    "--sign",
    type=click.Path(path_type=Path),
    metavar="KEY",
    help="Sign with an Ed25519 key in a PEM file. Needs reprise-ml[sign].",
)
@click.option("--offline", is_flag=True, help="Do not use the network. [env: REPRISE_OFFLINE]")
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
    """Export RUN to a file: source, environment lock, record, inputs, artifacts, metrics.

    RUN is a run id or its prefix, or @last.
    """
    from reprise.runner.bundle import make_bundle
    from reprise.runner.planning.request import is_offline
    from reprise.units import read_size

    most = make_bundle.MAX_INPUT if max_input is None else read_size("--max-input", max_input)
    wanted = make_bundle.WantedBundle(with_packages, most, sign, is_offline(offline))
    started = time.monotonic()
    with opened(tracking_uri) as tracking:
        made = make_bundle.make_bundle(tracking, run, output, wanted)
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
    "--key", type=click.Path(path_type=Path), metavar="PUB", help="Require a signature by this key."
)
@json_option
def verify(file: Path, key: Path | None, json_: bool) -> None:
    """Verify the files and the signature of a bundle.

    The source that the bundle shows must be the source that it runs.

    Without --key, the author of the bundle is not verified. The exit code is 3 if the bundle was changed.
    """
    from reprise.runner.bundle.open_bundle import check_provenance, open_bundle, record_of
    from reprise.runner.bundle.reviewing import check_kept_source

    with open_bundle(file) as found:
        manifest, provenance = found.manifest, check_provenance(found, key)
        check_kept_source(found, record_of(found))
    counted = show.counted(len(manifest.files), "file")
    signed = "signed with the key" if key else "signed" if provenance.signatures else "not signed"
    log.info("%s is valid: run %s, %s, %s", file, manifest.run_id, counted, signed)
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
