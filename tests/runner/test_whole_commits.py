"""A commit that is in the cache is whole: what is not, is fetched again or is an error."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reprise import process
from reprise.errors import SourceError
from reprise.runner.sources import mirror, working_copy
from reprise.runner.sources.mirrors import obtain_files
from reprise.runner.vcs import git as git_verbs
from reprise.runner.vcs import remotes
from tests.fakes.repositories import commit, git, make

pytestmark = pytest.mark.slow

FILES = {"MLproject": "", "run.sh": "#!/bin/sh\n", **{f"data/part{n}.csv": f"{n}\n" * n for n in range(8)}}


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A bare repository that ``file:`` URLs fetch from."""
    origin = make(tmp_path / "origin", FILES)
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), "served.git")
    return tmp_path / "served.git"


def fetch(url: str, *, offline: bool = False) -> dict[str, bytes]:
    """The files that a run would have."""
    checkout = working_copy.fetch_project(url, None, Path.cwd(), offline=offline)
    files = (path for path in checkout.path.rglob("*") if path.is_file())
    found = {path.relative_to(checkout.path).as_posix(): path.read_bytes() for path in files}
    working_copy.discard_checkout(checkout)
    return {name: data for name, data in found.items() if not name.startswith(".git/")}


def home(house: Path) -> Path:
    (found,) = (house / "cache" / "git-v1").iterdir()
    return found


def pristine(house: Path) -> Path:
    (found,) = (
        path for path in (home(house) / "commits").iterdir() if path.name[0] != "." and path.is_dir()
    )
    return found


def forget_checkouts(house: Path) -> None:
    shutil.rmtree(home(house) / "commits")


def unpack_objects(house: Path) -> Path:
    """The mirror with its objects one by one, as earlier versions fetched them."""
    folder = home(house) / "mirror.git"
    packs = [path.rename(house / path.name) for path in (folder / "objects" / "pack").glob("*.pack")]
    for path in (folder / "objects" / "pack").iterdir():
        path.unlink()
    for pack in packs:
        subprocess.run(["git", "unpack-objects", "-q"], cwd=folder, input=pack.read_bytes(), check=True)
    return folder


def test_a_fetch_leaves_whole_packs_only(house: Path, served: Path) -> None:
    fetch(served.as_uri())
    objects = home(house) / "mirror.git" / "objects"
    assert [path.name for path in objects.iterdir() if len(path.name) == 2] == []
    assert list(objects.glob("pack/*.pack"))


@pytest.mark.parametrize("lost", ["data/part7.csv", "data", "."])
def test_a_commit_without_all_of_its_files_is_fetched_again(
    house: Path, served: Path, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    expected = fetch(served.as_uri())
    folder = unpack_objects(house)
    forget_checkouts(house)
    name = git(folder, "rev-parse", "main^{tree}" if lost == "." else f"main:{lost}")
    (folder / "objects" / name[:2] / name[2:]).unlink()
    assert fetch(served.as_uri()) == expected
    assert "is damaged" in caplog.text


def test_a_commit_whose_files_are_nowhere_is_an_error(house: Path, served: Path) -> None:
    fetch(served.as_uri())
    for folder in (unpack_objects(house), served):
        name = git(folder, "rev-parse", "main:data/part7.csv")
        loose = folder / "objects" / name[:2] / name[2:]
        if not loose.exists():
            (pack,) = (folder / "objects" / "pack").glob("*.pack")
            data = pack.read_bytes()
            pack.unlink()
            subprocess.run(["git", "unpack-objects", "-q"], cwd=folder, input=data, check=True)
        loose.unlink()
    forget_checkouts(house)
    with pytest.raises(SourceError):
        fetch(served.as_uri())
    with pytest.raises(SourceError):
        fetch(served.as_uri())


def remove_file(checkout: Path) -> None:
    (checkout / "data" / "part3.csv").unlink()


def cut_file(checkout: Path) -> None:
    (checkout / "data" / "part3.csv").write_bytes(b"")


def change_file_unseen(checkout: Path) -> None:
    file = checkout / "data" / "part3.csv"
    state = file.stat()
    file.write_text("4\n" * 3)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns - 1))


def take_permission(checkout: Path) -> None:
    (checkout / "run.sh").chmod(0o755)


def add_file(checkout: Path) -> None:
    (checkout / "data" / "part9.csv").write_text("9\n")


def remove_git_file(checkout: Path) -> None:
    (checkout / ".git" / "HEAD").unlink()


DAMAGES = [remove_file, cut_file, change_file_unseen, take_permission, add_file, remove_git_file]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_checkout_that_was_damaged_since_is_made_again(
    house: Path, served: Path, damage: Callable[[Path], None]
) -> None:
    expected = fetch(served.as_uri())
    damage(pristine(house))
    assert fetch(served.as_uri()) == expected


@pytest.mark.parametrize("damage", [None, *DAMAGES])
def test_a_checkout_of_an_earlier_version_is_compared_with_its_commit(
    house: Path, served: Path, damage: Callable[[Path], None] | None
) -> None:
    expected = fetch(served.as_uri())
    shutil.rmtree(home(house) / "whole")
    if damage is None:
        before = pristine(house).stat().st_ino
    else:
        damage(pristine(house))
    assert fetch(served.as_uri()) == expected
    if damage is None:
        assert pristine(house).stat().st_ino == before


def test_offline_what_is_damaged_is_told_and_stays(house: Path, served: Path, tmp_path: Path) -> None:
    remote = remotes.Remote("https://host.example/demo.git")
    fetch(served.as_uri())
    elsewhere = mirror.Mirror(remote, offline=True).home
    home(house).rename(elsewhere)
    shutil.rmtree(elsewhere / "commits")
    (pack,) = (elsewhere / "mirror.git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:100])
    for number in (1, 2):
        with pytest.raises(SourceError, match=r"damaged.*--offline"):
            obtain_files(remote, ("main",), tmp_path / f"copy{number}", offline=True)
    assert pack.exists()


def test_an_error_that_git_says_and_ends_with_0_is_an_error() -> None:
    said = "error: unable to read sha1 file of data/part7.csv (1234)\n"
    assert git_verbs.has_failed(process.Completed(0, "", said))
    assert not git_verbs.has_failed(process.Completed(0, "", "warning: no error: really\n"))


def test_files_of_a_submodule_are_compared_too(house: Path, tmp_path: Path, served: Path) -> None:
    origin = tmp_path / "outer"
    make(origin, {"MLproject": ""})
    git(origin, "submodule", "--quiet", "add", str(served), "part")
    commit(origin, {}, "part")
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), "outer.git")
    outer = tmp_path / "outer.git"
    expected = fetch(outer.as_uri())
    assert "part/data/part7.csv" in expected
    remove_file(pristine(house) / "part")
    assert fetch(outer.as_uri()) == expected


def test_the_users_settings_make_no_other_checkout(
    house: Path, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fetch(served.as_uri())
    shutil.rmtree(house / "cache")
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[core]\n\tautocrlf = true\n\tattributesFile = "
        + str(tmp_path / "attributes")
        + "\n\tfileMode = false\n"
        '[filter "upper"]\n\tsmudge = tr a-z A-Z\n\tclean = tr A-Z a-z\n\trequired = true\n'
    )
    (tmp_path / "attributes").write_text("*.sh filter=upper\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    assert fetch(served.as_uri()) == expected
