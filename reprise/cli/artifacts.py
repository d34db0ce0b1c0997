"""``reprise artifacts``: the files of a run or a logged model."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.errors import UsageError
from reprise.redact import redact

if TYPE_CHECKING:
    from reprise.schemas.entities import Artifact
    from reprise.tracking.base import Tracking

_RUN_HELP = "RUN is a run id or its prefix, @last, or the id m-... of a logged model."


@click.group()
def artifacts() -> None:
    """List, download and upload the files of a run."""


@artifacts.command("list", help=f"List the files and folders in PATH. {_RUN_HELP}")
@click.argument("run")
@click.argument("path", default="")
@click.option("-r", "--recursive", is_flag=True, help="List the files of all subfolders.")
@tracking_option
@json_option
def list_(run: str, path: str, recursive: bool, tracking_uri: str | None, json_: bool) -> None:
    with opened(tracking_uri) as tracking:
        owner, path = _owner(tracking, run), path.strip("/")
        found = (
            list(_below(tracking, owner, path)) if recursive else list(tracking.list_artifacts(owner, path))
        )
        if not found and path:
            _refuse_missing(tracking, owner, path)
    if json_:
        show.as_json(found)
        return
    rows = [
        (item.path + "/" * item.is_dir, "" if item.is_dir else show.size(item.size or 0)) for item in found
    ]
    show.table(("PATH", "SIZE"), rows)


@artifacts.command("get", help=f"Download a file, a folder, or all files. {_RUN_HELP}")
@click.argument("run")
@click.argument("path", default="")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DEST",
    help="Destination path. [default: its name; for all files: the run id]",
)
@tracking_option
def get(run: str, path: str, output: Path | None, tracking_uri: str | None) -> None:
    with opened(tracking_uri) as tracking:
        owner, path = _owner(tracking, run), path.strip("/")
        destination = output or Path(PurePosixPath(path).name or owner)
        if destination.exists():
            raise UsageError(f"{destination} exists already", hint="use --output to set another path")
        tracking.download_artifact(owner, path, destination)
    show.print_value(str(destination))


@artifacts.command("put", help=f"Upload a file or folder to a run. {_RUN_HELP}")
@click.argument("run")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.argument("path", required=False)
@tracking_option
def put(run: str, source: Path, path: str | None, tracking_uri: str | None) -> None:
    """Upload SOURCE to PATH, by default under its own name."""
    with opened(tracking_uri) as tracking:
        owner = _owner(tracking, run)
        root = path.strip("/") if path is not None else source.absolute().name
        files = list(_files(source, root))
        for file, name in files:
            tracking.upload_artifact(owner, file, name)
    size = sum(file.stat().st_size for file, _ in files)
    show.print_note(f"Stored {show.counted(len(files), 'file')} ({show.size(size)}) with {owner}")


@artifacts.command("root")
@click.argument("uri", required=False)
@tracking_option
def root(uri: str | None, tracking_uri: str | None) -> None:
    """Show the artifact root of a store, or change it to URI once the files are copied there."""
    with opened(tracking_uri) as tracking:
        if (store := tracking.own_store) is None:
            hint = "use --tracking-uri to select the folder of a store"
            raise UsageError(f"{tracking.uri} is not a folder; only a local store has a root", hint=hint)
        if uri is not None:
            store.move_root(uri)
        show.print_value(redact(store.artifact_root))


def _owner(tracking: Tracking, run: str) -> str:
    """Return the id of an existing run or logged model."""
    from reprise.runner.jobs.find import find_run

    if run.startswith("m-"):
        return tracking.get_logged_model(run).model_id
    return find_run(tracking, run).run_id


def _below(tracking: Tracking, owner: str, path: str) -> Iterator[Artifact]:
    for item in tracking.list_artifacts(owner, path):
        if item.is_dir:
            yield from _below(tracking, owner, item.path)
        else:
            yield item


def _refuse_missing(tracking: Tracking, owner: str, path: str) -> None:
    """Raise UsageError for a path that listed nothing: it is a file, or does not exist."""
    parent = path.rpartition("/")[0]
    for item in tracking.list_artifacts(owner, parent):
        if item.path == path and not item.is_dir:
            hint = f"reprise artifacts get {owner[:8]} {shlex.quote(path)}"
            raise UsageError(f'"{path}" is a file', hint=hint)
    raise UsageError(f'{owner} has no folder "{path}"', hint=f"reprise artifacts list {owner[:8]} -r")


def _files(source: Path, root: str) -> Iterator[tuple[Path, str]]:
    """Yield each file to upload with its artifact path; links to folders are not followed."""
    if not source.is_dir():
        yield source, root
        return
    for folder, _, names in os.walk(source):
        for file in (Path(folder, name) for name in sorted(names)):
            yield file, PurePosixPath(root, file.relative_to(source).as_posix()).as_posix()
