"""``reprise backup`` and ``reprise restore``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reprise.cli import show
from reprise.cli.options import json_option, opened, tracking_option
from reprise.errors import UsageError

if TYPE_CHECKING:
    from reprise.runner.backup.layout import BackupManifest

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--no-artifacts", is_flag=True, help="Leave out the files of runs.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@tracking_option
@json_option
def backup(file: Path, no_artifacts: bool, force: bool, tracking_uri: str | None, json_: bool) -> None:
    """Back up a store to FILE, a tar archive with digests. The store can stay in use."""
    from reprise import progress
    from reprise.runner.backup.make_backup import make_backup

    if file.exists() and not force:
        raise UsageError(f"{file} exists already", hint="use another name, or --force to overwrite it")
    with opened(tracking_uri) as tracking, progress.spinner("Copying the database") as say:
        if (store := tracking.own_store) is None or store.home is None:
            hint = "run it on the machine of the store, with --tracking-uri DIR"
            raise UsageError(f"{tracking.uri} is not a folder", hint=hint)
        manifest = make_backup(store, file, with_artifacts=not no_artifacts, say=say)
    _report("Backed up", manifest, f" into {file}", json_, {"file": str(file)})
    if manifest.elsewhere:
        count = show.counted(len(manifest.elsewhere), "experiment")
        show.print_note(
            f"Not included: the files of {count} stored elsewhere, such as {manifest.elsewhere[0]}"
        )
    if manifest.gone:
        count = show.counted(len(manifest.gone), "file")
        show.print_note(f"Not included: {count} removed during the backup, such as {manifest.gone[0]}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--check", is_flag=True, help="Verify the digests of the backup without restoring it.")
@click.option("--replace", is_flag=True, help="Move an existing store aside.")
@tracking_option
@json_option
def restore(file: Path, check: bool, replace: bool, tracking_uri: str | None, json_: bool) -> None:
    """Restore the backup FILE to an empty or new folder."""
    from reprise import paths, progress
    from reprise.redact import redact
    from reprise.runner.backup.restore_backup import restore_backup, unpack_backup
    from reprise.tracking.registry import local_folder

    with progress.spinner("Reading the backup") as say:
        if check:
            _report("Whole:", unpack_backup(file, None, say), "", json_, {"file": str(file)})
            return
        uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        folder = local_folder(uri, paths.here()) if uri else paths.find_store(paths.here())
        if folder is None:
            raise UsageError(
                f"{redact(uri or '')} is not a folder", hint="use --tracking-uri to select the folder"
            )
        found = restore_backup(file, folder, replace=replace, say=say)
    _report(
        "Restored", found.manifest, f" into {folder}", json_, {"store": str(folder), "aside": found.aside}
    )
    if found.aside:
        show.print_note(f"The previous store was moved to {found.aside}")
    if not found.manifest.has_artifacts:
        show.print_note("This backup does not contain the files of its runs")
    if found.manifest.going_on:
        count = show.counted(found.manifest.going_on, "run")
        show.print_note(
            f"{count} had not ended at the time of the backup; end each with reprise runs stop --force RUN"
        )


def _report(what: str, manifest: BackupManifest, where: str, json_: bool, more: dict[str, object]) -> None:
    if json_:
        counts = {**manifest._asdict(), "files": len(manifest.files), "bytes": manifest.size}
        show.as_json({**counts, **more})
    parts = (
        show.counted(manifest.experiments, "experiment"),
        show.counted(manifest.runs, "run"),
        f"{show.counted(len(manifest.files), 'file')} ({show.size(manifest.size)})",
    )
    show.print_note(f"{what} {', '.join(parts)}{where}")
