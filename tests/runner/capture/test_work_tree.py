"""A restored source is what lay there, to the byte, whatever git calls unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from reprise import paths
from reprise.errors import SourceError
from reprise.runner.capture.initial_record import objects_of
from reprise.runner.capture.snapshots import make_snapshot
from reprise.runner.capture.source import capture_source, outline_source
from reprise.runner.planning import guards
from reprise.runner.restore.source import SourceOrigin, restore_source
from reprise.runner.sources import working_copy
from reprise.runner.worktree.ignoring import list_ignored
from reprise.schemas.record.run_record import SourceRecord
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes.repositories import commit, git, make

pytestmark = pytest.mark.slow

FILES = {
    "MLproject": "",
    "train.py": "print(1)\n",
    "run.sh": "#!/bin/sh\n",
    "conf/a.yaml": "a: 1\n",
    "conf/b.yaml": "b: 1\n",
    "deep/er/c.txt": "c\n",
}
LIMIT = guards.Limit(50 * 10**6, 10**7)


@pytest.fixture
def root(house: Path, tmp_path: Path) -> Path:
    folder = make(tmp_path / "project", FILES)
    (folder / "link").symlink_to("train.py")
    commit(folder, {}, "link")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Everything below a folder but git's own, folders too: what it is, and what is in it."""
    found = {}
    for place, folders, files in os.walk(os.fsencode(folder)):
        folders[:] = [name for name in folders if name != b".git"]
        for name in [*folders, *files]:
            path = Path(os.fsdecode(os.path.join(place, name)))  # noqa: PTH118
            shown = str(path.relative_to(folder))
            if path.is_symlink():
                found[shown] = ("link", os.fsencode(path.readlink()))
            elif path.is_dir():
                found[shown] = ("folder", b"")
            elif name != b".git":
                found[shown] = ("program" if os.access(path, os.X_OK) else "file", path.read_bytes())
    return found


def status(folder: Path) -> str:
    return git(folder, "-c", "core.fileMode=true", "status", "--porcelain", "--untracked-files=all")


def captured(folder: Path, store: EmbeddedStore, *, is_alone: bool = False) -> tuple[str, SourceRecord]:
    """The source as it is recorded; ``is_alone``: with all that is needed when its folder is gone."""
    checkout = working_copy.fetch_project(str(folder), None, folder)
    objects = objects_of(store, folder)
    found = capture_source(outline_source(checkout), checkout, objects, LIMIT, docker=False)
    assert found.notes == ()
    record = found.record
    if is_alone and record.commit:
        modules = [
            module._replace(snapshot=make_snapshot(folder / module.path, module.commit, objects, LIMIT))
            for module in record.submodules
        ]
        packs = make_snapshot(folder, record.commit, objects, LIMIT)
        record = record._replace(snapshot=packs, submodules=tuple(modules))
    return checkout.name, record


def restore(name: str, record: SourceRecord, store: EmbeddedStore) -> Path:
    with restore_source(SourceOrigin(store, "0" * 32, name, record)) as checkout:
        return checkout.repository.root if checkout.repository else checkout.path


# Each makes one thing otherwise than a plain checkout has it.


def sparse(root: Path) -> None:
    git(root, "sparse-checkout", "set", "--no-cone", "/*", "!/conf/", "!/deep/")


def sparse_in_part(root: Path) -> None:
    git(root, "sparse-checkout", "set", "--no-cone", "/*", "!/conf/a.yaml")


def skipped_and_deleted(root: Path) -> None:
    git(root, "update-index", "--skip-worktree", "conf/a.yaml", "conf/b.yaml")
    shutil.rmtree(root / "conf")


def skipped_and_changed(root: Path) -> None:
    git(root, "update-index", "--skip-worktree", "conf/a.yaml")
    (root / "conf/a.yaml").write_text("a: 2\n")


def assumed_and_changed(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "conf/a.yaml")
    (root / "conf/a.yaml").write_text("a: 2\n")


def assumed_and_deleted(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", "conf/a.yaml")
    (root / "conf/a.yaml").unlink()


def filtered(root: Path) -> None:
    git(root, "config", "filter.f.clean", "sed s/SECRET/P/")
    git(root, "config", "filter.f.smudge", "sed s/P/SECRET/")
    commit(root, {".gitattributes": "*.cfg filter=f\n", "s.cfg": "k=SECRET\n"}, "filtered")


def autocrlf(root: Path) -> None:
    git(root, "config", "core.autocrlf", "true")
    (root / "d.txt").write_bytes(b"a\r\nb\r\n")
    git(root, "-c", "core.safecrlf=false", "add", "d.txt")
    git(root, "commit", "--quiet", "--message", "crlf")


def normalised(root: Path) -> None:
    (root / "d.txt").write_bytes(b"a\r\nb\r\n")
    (root / ".gitattributes").write_text("* text=auto\n")
    git(root, "-c", "core.safecrlf=false", "add", ".")
    git(root, "commit", "--quiet", "--message", "normalised")


def local_attributes(root: Path) -> None:
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git/info/attributes").write_text("*.txt eol=crlf\n")
    (root / "deep/er/c.txt").unlink()
    git(root, "checkout", "--", "deep/er/c.txt")
    assert (root / "deep/er/c.txt").read_bytes() == b"c\r\n"


def modes_unminded(root: Path) -> None:
    git(root, "config", "core.fileMode", "false")
    (root / "run.sh").chmod(0o755)


def links_unminded(root: Path) -> None:
    git(root, "config", "core.symlinks", "false")
    (root / "link").unlink()
    git(root, "checkout", "--", "link")
    assert not (root / "link").is_symlink()


def mode_changed(root: Path) -> None:
    (root / "run.sh").chmod(0o755)


def folder_for_link(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").mkdir()
    (root / "link" / "x").write_text("x")


def link_for_folder(root: Path) -> None:
    shutil.copytree(root / "conf", root / "elsewhere")
    shutil.rmtree(root / "conf")
    (root / "conf").symlink_to("elsewhere")


def folder_for_file(root: Path) -> None:
    (root / "train.py").unlink()
    (root / "train.py").mkdir()
    (root / "train.py" / "__init__.py").write_text("")


def file_for_folder(root: Path) -> None:
    shutil.rmtree(root / "deep")
    (root / "deep").write_text("now a file")


def link_that_leaves(root: Path) -> None:
    (root / "train.py").unlink()
    (root / "train.py").symlink_to("/etc/hostname")
    (root / "out of here").symlink_to("../../nowhere")


def odd_names(root: Path) -> None:
    for name in (
        b"new\nline",
        b"tab\t",
        b"l\xe4tin",
        b"-dash",
        b' "quoted" ',
        b"a:b",
        b"*.txt",
        b":(top)x",
    ):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(name)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "odd")
    Path(os.fsdecode(os.fsencode(root) + b"/l\xe4tin")).write_bytes(b"changed")
    (root / "new\nline").unlink()
    (root / "*.txt").write_text("changed")


def staged_and_ignored(root: Path) -> None:
    (root / ".git/info/exclude").write_text("*.dat\n")
    (root / "x.dat").write_text("staged\n")
    git(root, "add", "--force", "x.dat")


def unstaged(root: Path) -> None:
    git(root, "rm", "--quiet", "--cached", "train.py")
    (root / "train.py").write_text("changed")


def changed_attributes(root: Path) -> None:
    (root / ".gitattributes").write_text("*.yaml eol=crlf\n")
    (root / "conf/a.yaml").write_bytes(b"a: 1\r\n")


def unseen_by_git(root: Path) -> None:
    git(root, "config", "core.trustctime", "false")
    git(root, "config", "core.checkStat", "minimal")
    os.utime(root / "train.py", (10**9, 10**9))
    git(root, "update-index", "--refresh")
    (root / "train.py").write_text("print(2)\n")
    os.utime(root / "train.py", (10**9, 10**9))
    assert status(root) == ""


def merging(root: Path) -> None:
    git(root, "checkout", "--quiet", "-b", "other")
    commit(root, {"train.py": "theirs\n"}, "theirs")
    git(root, "checkout", "--quiet", "main")
    commit(root, {"train.py": "ours\n"}, "ours")
    subprocess.run(["git", "merge", "--quiet", "other"], cwd=root, capture_output=True)
    assert "<<<<<<<" in (root / "train.py").read_text()


def intended(root: Path) -> None:
    (root / "new.py").write_text("new\n")
    git(root, "add", "--intent-to-add", "new.py")


def in_another_folder(root: Path) -> None:
    (root.parent / "victim").mkdir()
    (root.parent / "victim" / "id_rsa").write_text("secret")
    git(root, "config", "core.worktree", str(root.parent / "victim"))
    (root / "train.py").write_text("changed")


def left_in_caches(root: Path) -> None:
    commit(root, {".cache/tracked": "1\n", "venv/tracked": "1\n"}, "caches")
    (root / ".cache/tracked").write_text("2\n")


ODDITIES = [
    *(sparse, sparse_in_part, skipped_and_deleted, skipped_and_changed, assumed_and_changed),
    *(
        assumed_and_deleted,
        filtered,
        autocrlf,
        normalised,
        local_attributes,
        modes_unminded,
        links_unminded,
    ),
    *(mode_changed, folder_for_link, link_for_folder, folder_for_file, file_for_folder, link_that_leaves),
    *(odd_names, staged_and_ignored, unstaged, changed_attributes, unseen_by_git, merging, intended),
    *(in_another_folder, left_in_caches),
]
CALLED_UNCHANGED = {
    *(sparse, sparse_in_part, skipped_and_deleted, skipped_and_changed, assumed_and_changed),
    *(
        assumed_and_deleted,
        filtered,
        autocrlf,
        normalised,
        local_attributes,
        modes_unminded,
        links_unminded,
    ),
    *(unseen_by_git,),
}
"""Of these git says in the user's folder that nothing changed, and has to say so in the restored one."""


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda oddity: oddity.__name__)
def test_what_a_plain_checkout_does_not_give_back_is_restored(
    root: Path, store: EmbeddedStore, oddity: Callable[[Path], None]
) -> None:
    oddity(root)
    expected = tree(root)
    name, record = captured(root, store, is_alone=True)
    assert record.dirty
    copy = restore(name, record, store)
    assert tree(copy) == expected
    if oddity in CALLED_UNCHANGED:
        assert git(copy, "status", "--porcelain") == ""
    elif oddity in (mode_changed, staged_and_ignored, intended, folder_for_file, odd_names):
        assert status(copy) == status(root).replace("A  x.dat", "A x.dat")
    # The repository may be gone; and what was restored is recorded as what it was made from.
    _, again = captured(copy, store)
    assert (again.files, again.absent) == (record.files, record.absent)
    root.rename(root.with_name("gone"))
    assert tree(restore(name, record, store)) == expected


def committed_line_ends(root: Path) -> None:
    (root / ".gitattributes").write_text(
        "*.txt text eol=crlf\n*.utf text working-tree-encoding=UTF-16\n*.id ident\n"
    )
    (root / "d.txt").write_bytes(b"a\r\nb\r\n")
    (root / "e.utf").write_bytes("text\n".encode("utf-16"))
    (root / "f.id").write_text("$Id$\n")
    (root / "deep/er/c.txt").unlink()
    git(root, "-c", "core.safecrlf=false", "add", "--all")
    git(root, "checkout", "--", ".")
    git(root, "commit", "--quiet", "--message", "attributes")
    (root / "f.id").unlink()
    git(root, "checkout", "--", ".")


def nothing(root: Path) -> None:
    return


def made_by_running(root: Path) -> None:
    for name in ("__pycache__/u.pyc", "deep/__pycache__/v.pyc", ".venv/pyvenv.cfg", ".ipynb_checkpoints/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("made")


@pytest.mark.parametrize("oddity", [nothing, committed_line_ends, made_by_running])
def test_what_a_plain_checkout_gives_back_is_not_dirty(
    root: Path, store: EmbeddedStore, oddity: Callable[[Path], None]
) -> None:
    oddity(root)
    name, record = captured(root, store, is_alone=True)
    assert (record.dirty, record.files, record.absent) == (False, (), ())
    copy = restore(name, record, store)
    made = ("__pycache__", ".venv", ".ipynb_checkpoints")
    expected = {path: item for path, item in tree(root).items() if not any(part in path for part in made)}
    assert tree(copy) == expected


@pytest.mark.parametrize("is_git", [True, False])
def test_empty_folders_are_restored(root: Path, store: EmbeddedStore, is_git: bool) -> None:
    (root / ".gitignore").write_text("out/\nlogs/\n")
    commit(root, {}, "ignoring")
    if not is_git:
        shutil.rmtree(root / ".git")
    for folder in ("out/models", "logs", "plots/a/b", "deep/empty", "data"):
        (root / folder).mkdir(parents=True)
    (root / "logs" / "old.log").write_text("ignored")
    (root / "data" / "key.pem").write_text("left out")
    name, record = captured(root, store)
    assert record.dirty is False or record.left_out
    expected = tree(root)
    del expected["logs/old.log"], expected["data/key.pem"]
    assert tree(restore(name, record, store)) == expected


def test_a_linked_work_tree_and_one_of_sha256(root: Path, store: EmbeddedStore, tmp_path: Path) -> None:
    git(root, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "sha256")
    commit(tmp_path / "sha256", FILES, "first")
    for folder in (tmp_path / "linked", tmp_path / "sha256"):
        git(folder, "update-index", "--skip-worktree", "train.py")
        (folder / "train.py").write_text("changed\n")
        name, record = captured(folder, store, is_alone=True)
        assert [(file.path, file.standing) for file in record.files] == [("train.py", "hidden")]
        assert tree(restore(name, record, store)) == tree(folder)


# --- submodules -----------------------------------------------------------------------------------------


@pytest.fixture
def outer(root: Path, tmp_path: Path) -> Path:
    folder = make(tmp_path / "outer", {"MLproject": ""})
    git(folder, "submodule", "--quiet", "add", str(root), "parts/one")
    commit(folder, {}, "part")
    return folder


def test_a_submodule_that_is_not_checked_out_stays_empty(
    outer: Path, store: EmbeddedStore, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", str(outer), "clone")
    clone = tmp_path / "clone"
    name, record = captured(clone, store, is_alone=True)
    assert not record.dirty
    assert tree(restore(name, record, store)) == tree(clone)


def test_oddities_of_a_submodule_are_restored(outer: Path, store: EmbeddedStore) -> None:
    part = outer / "parts" / "one"
    git(part, "update-index", "--skip-worktree", "conf/a.yaml")
    (part / "conf/a.yaml").write_text("a: 2\n")
    git(part, "update-index", "--assume-unchanged", "conf/b.yaml")
    (part / "conf/b.yaml").unlink()
    (part / "empty").mkdir()
    (part / "new.py").write_text("new\n")
    name, record = captured(outer, store, is_alone=True)
    assert record.dirty
    copy = restore(name, record, store)
    assert tree(copy) == tree(outer)
    assert git(copy / "parts/one", "status", "--porcelain") == "?? new.py"


def test_a_submodule_at_another_commit_is_dirty(outer: Path, store: EmbeddedStore) -> None:
    commit(outer / "parts" / "one", {"train.py": "print(3)\n"}, "moved")
    name, record = captured(outer, store, is_alone=True)
    assert record.dirty
    assert tree(restore(name, record, store)) == tree(outer)


# --- Git LFS --------------------------------------------------------------------------------------------


def pointer(content: bytes) -> str:
    digest = sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


def test_what_lfs_has_fetched_is_no_change_and_is_restored(root: Path, store: EmbeddedStore) -> None:
    small, large = b"small" * 100, b"large" * 3 * 10**6
    attributes = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"}
    commit(root, {**attributes, "s.bin": pointer(small), "l.bin": pointer(large)}, "lfs")
    (root / "s.bin").write_bytes(small)
    (root / "l.bin").write_bytes(large)
    name, record = captured(root, store, is_alone=True)
    assert (record.dirty, record.left_out) == (False, ())
    assert [file.path for file in record.files] == ["s.bin"]
    assert [file.path for file in record.large] == ["l.bin"]
    assert tree(restore(name, record, store)) == tree(root)
    (root / "l.bin").write_bytes(b"other")
    with pytest.raises(SourceError, match=r"l\.bin is in Git LFS"):
        restore(name, record, store)
    _, record = captured(root, store)
    assert record.dirty


def test_pointers_are_restored_as_pointers(root: Path, store: EmbeddedStore) -> None:
    commit(root, {".gitattributes": "*.bin filter=lfs\n", "s.bin": pointer(b"content")}, "lfs")
    name, record = captured(root, store, is_alone=True)
    assert (record.dirty, record.pointers) == (False, ("s.bin",))
    assert tree(restore(name, record, store)) == tree(root)


def test_the_empty_repository_that_a_power_cut_emptied_is_made_again(house: Path, tmp_path: Path) -> None:
    """Else git would refuse it, and of a folder nothing would be kept."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "a.log").touch()
    assert list_ignored(folder) == (("a.log",), None)
    (paths.cache_dir() / "empty-v1.git" / "HEAD").write_bytes(b"")
    assert list_ignored(folder) == (("a.log",), None)
