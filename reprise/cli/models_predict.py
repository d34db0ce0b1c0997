"""``reprise models predict``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from reprise.cli import show
from reprise.cli.model_options import model_options, policy_of
from reprise.cli.options import opened, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.runner.models.predict import Format

_FORMATS = ("csv", "json", "parquet")
_STREAM = "-"


@click.command()
@model_options
@click.option(
    "-i", "--input-path", "source", default=_STREAM, metavar="FILE", help="Input rows. [default: -, stdin]"
)
@click.option(
    "-o",
    "--output-path",
    "target",
    default=_STREAM,
    metavar="FILE",
    help="Predictions. [default: -, stdout]",
)
@click.option(
    "--format", "given", type=click.Choice(_FORMATS), help="Input format. [default: by the suffix, or json]"
)
@click.option(
    "--output-format",
    "asked",
    type=click.Choice(_FORMATS),
    help="Output format. [default: by the suffix, or json]",
)
@tracking_option
def predict(
    uri: str,
    source: str,
    target: str,
    given: str | None,
    asked: str | None,
    env_manager: str | None,
    python: str | None,
    offline: bool,
    tracking_uri: str | None,
) -> None:
    """Predict all rows of a file with a model, inside its own environment."""
    from reprise import paths
    from reprise.runner.jobs.signals import interruptible
    from reprise.runner.models import predict as predicting
    from reprise.runner.models.folder import is_address
    from reprise.runner.models.served_versions import WantedService
    from reprise.runner.models.worker import Settings

    policy = policy_of(python, offline)
    formats = _format(source, given), _format(target, asked)
    _refuse_unwritable(target)
    rows = _read(source)
    log = paths.state_dir() / "logs" / f"predict-{os.getpid()}.log"
    with interruptible(), opened(tracking_uri, make=not is_address(uri)) as tracking, _of_this_alone(log):
        wanted = WantedService(tracking, uri, env_manager, policy, Settings(log, timeout=_LONGEST))
        predictions = predicting.predict_rows(wanted, rows, *formats)
    _write(target, predictions)


_LONGEST = 7 * 86400.0
"""Seconds: a file with many rows can take long."""


@contextmanager
def _of_this_alone(log: Path) -> Iterator[None]:
    """Remove ``log`` at the end, unless the server failed and the error refers to it."""
    try:
        yield
    except (UsageError, KeyboardInterrupt):
        log.unlink(missing_ok=True)
        raise
    log.unlink(missing_ok=True)


def _format(path: str, asked: str | None) -> Format:
    suffix = Path(path).suffix.lower().lstrip(".")
    return cast("Format", asked or (suffix if suffix in _FORMATS else "json"))


def _read(source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if source == _STREAM else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"-i: cannot read {source}: {error.strerror}") from error


def _refuse_unwritable(target: str) -> None:
    """Raise UsageError early, before a prediction that may take hours."""
    path = Path(target)
    if target != _STREAM and path.is_dir():
        raise UsageError(f"-o: cannot write {target}: it is a folder")
    if target != _STREAM and not path.parent.is_dir():
        raise UsageError(f"-o: cannot write {target}: there is no folder {path.parent}")


def _write(target: str, predictions: bytes) -> None:
    from reprise.durable import write_file

    if target == _STREAM:
        show.print_output([predictions if predictions.endswith(b"\n") else predictions + b"\n"])
        return
    path = Path(target).resolve()  # follow a link, so that it stays a link
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(predictions)  # a pipe or a device cannot be replaced by a file
        else:
            write_file(path, predictions)
    except OSError as error:
        raise UsageError(f"-o: cannot write {target}: {error.strerror}") from error
