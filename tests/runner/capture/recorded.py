"""What the store in the current folder holds of a run, and a source put together again from it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from reprise.runner.record import contents
from reprise.runner.record.records import read_record
from reprise.schemas.record.run_record import LINK, Content, RunRecord
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import ProjectFolder
from tests.fakes.repositories import git


def record_of(project: ProjectFolder, number: int = 0) -> RunRecord:
    """The record of the newest run, or of one before."""
    run = project.runs()[number]
    with EmbeddedStore(Path("mlruns").absolute()) as store:
        record = read_record(store, run.run_id)
    assert record is not None
    return record


def content(record: RunRecord, kept: Content) -> bytes:
    store = EmbeddedStore(Path("mlruns").absolute())
    with store, contents.open_content(store, record.run_id, kept.digest) as stream:
        data = stream.read()
    assert len(data) == kept.size
    return data


def objects() -> set[str]:
    """The digests of all that the store keeps."""
    return {path.parent.name + path.name for path in Path("mlruns/objects").glob("[0-9a-f][0-9a-f]/*")}


def put_together(record: RunRecord, folder: Path) -> Path:
    """The source, from the record and the store alone."""
    source = record.source
    folder.mkdir()
    if source.commit is not None:
        unpack(record, source.snapshot, source.commit, folder)
    for module in source.submodules:
        unpack(record, module.snapshot, module.commit, folder / module.path)
    if source.patch is not None:
        patch = content(record, source.patch)
        subprocess.run(["git", "apply", "--whitespace=nowarn"], input=patch, cwd=folder, check=True)
    for gone in source.absent:
        target = folder / gone.path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink()
    for file in source.files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        data = content(record, file.content)
        if file.mode == LINK:
            target.symlink_to(os.fsdecode(data))
        else:
            target.write_bytes(data)
            target.chmod(int(file.mode[-3:], 8))
    return folder


def unpack(record: RunRecord, packs: tuple[Content, ...], commit: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    git(folder, "init", "--quiet")
    for pack in packs:
        data = content(record, pack)
        subprocess.run(
            ["git", "index-pack", "--stdin"], input=data, cwd=folder, check=True, capture_output=True
        )
    (folder / ".git" / "shallow").write_text(f"{commit}\n")
    git(folder, "checkout", "--quiet", "--detach", commit)


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Every file below a folder but git's own: what it is, and what is in it."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if ".git" in path.relative_to(folder).parts:
            continue
        if path.is_symlink():
            found[name] = ("link", os.fsencode(path.readlink()))
        elif path.is_file():
            found[name] = ("program" if os.access(path, os.X_OK) else "file", path.read_bytes())
    return found
