"""What a run reads is kept with it, also where git ignores it; what runs leave behind is no source."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.runner.capture import opened_files
from reprise.runner.capture.observed import FOLDER
from reprise.schemas import tags
from tests.conftest import ProjectFolder
from tests.fakes.repositories import commit, git
from tests.runner.capture.recorded import record_of

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

MLPROJECT = "entry_points: {main: {command: 'python train.py'}}\n"


@pytest.fixture
def repository(project: Write, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)

    def write(files: Mapping[str, str]) -> ProjectFolder:
        demo = project({"MLproject": MLPROJECT, **files})
        git(demo.path, "init", "--quiet", "--initial-branch=main")
        commit(demo.path, {}, "first")
        return demo

    return write


def run(demo: ProjectFolder, *arguments: str) -> str:
    result = demo.run(*arguments)
    assert result.exit_code == 0, result.err
    return result.err


def standings(demo: ProjectFolder) -> dict[str, str]:
    return {file.path: file.standing for file in record_of(demo).source.files}


def test_ignored_files_that_a_run_reads_are_kept_and_brought_back(repository: Write) -> None:
    demo = repository(
        {
            ".gitignore": "data/\nlocal.py\nout\n",
            "train.py": "import local\nprint(open('data/link.csv').read(), local.X)\nopen('out', 'w')\n",
        }
    )
    (demo.path / "data").mkdir()
    (demo.path / "data" / "t.csv").write_text("1,2\n")
    (demo.path / "data" / "unread.csv").write_text("3\n")
    (demo.path / "local.py").write_text("X = 1\n")
    (demo.path / "data" / "link.csv").symlink_to("t.csv")
    err = run(demo)
    assert "data/t.csv" in err
    assert standings(demo) == {"data/t.csv": "ignored", "local.py": "ignored", "data/link.csv": "ignored"}
    assert demo.runs()[0].tags[tags.DIRTY] == "false"
    (demo.path / "data" / "t.csv").unlink()
    again = demo.reprise("reproduce", "@last")
    assert (again.exit_code, "identical" in again.err) == (0, True), again.err
    assert standings(demo) == {"data/t.csv": "ignored", "local.py": "ignored", "data/link.csv": "ignored"}


def test_ignored_files_are_kept_as_they_were_when_they_were_read(repository: Write) -> None:
    demo = repository(
        {
            ".gitignore": "state\n",
            "train.py": "n = open('state').read()\nopen('state', 'w').write(n + '1')\nprint(n)\n",
        }
    )
    (demo.path / "state").write_text("0")
    run(demo)
    again = demo.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.err


def test_ignored_files_that_are_not_kept_are_named_with_the_reason(
    repository: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CAPTURE_LIMIT", "5 kB")
    demo = repository({".gitignore": "data\n.env\n", "train.py": "open('data/big.csv')\nopen('.env')\n"})
    (demo.path / "data").mkdir()
    (demo.path / "data" / "big.csv").write_text("1\n" * 1000)
    (demo.path / ".env").write_text("A=1\n")
    err = run(demo)
    assert "data/big.csv (git ignores it, and it is 2 kB, more than 1 kB)" in err
    left_out = {item.path: item.reason for item in record_of(demo).source.left_out}
    assert left_out == {
        ".env": "git ignores it, and its name is that of a secret",
        "data/big.csv": "git ignores it, and it is 2 kB, more than 1 kB",
    }
    assert "data/big.csv" in demo.runs()[0].tags[tags.CAPTURE_INCOMPLETE]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel tells of opened files")
def test_ignored_files_that_no_python_code_opens_are_kept_too(repository: Write) -> None:
    demo = repository(
        {
            ".gitignore": "data/\n*.db\n",
            "train.py": "import os\nos.system('while read line; do echo $line; done < data/deep/t.csv')\n"
            "os.system('while read line; do echo $line; done < one.db')\nopen('data/new', 'w')\n",
        }
    )
    (demo.path / "data" / "deep").mkdir(parents=True)
    (demo.path / "data" / "deep" / "t.csv").write_text("1,2\n")
    (demo.path / "data" / "unread.csv").write_text("3\n")
    (demo.path / "one.db").write_text("4\n")
    run(demo)
    assert standings(demo) == {"data/deep/t.csv": "ignored", "one.db": "ignored"}
    again = demo.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.err
    run(demo, "--no-observe")
    assert standings(demo) == {}


def test_a_kernel_that_lost_some_files_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(opened_files, "_watch_places", lambda _: (os.open(os.devnull, os.O_RDONLY), {}))
    lost = bytes(4) + opened_files._OVERFLOW.to_bytes(4, sys.byteorder) + bytes(8)
    answers = iter([lost, b""])
    monkeypatch.setattr(opened_files, "_read_events", lambda _: next(answers))
    with opened_files.noting_opened_files(tmp_path, ("data/",), tmp_path):
        pass
    (notes,) = (tmp_path / FOLDER).iterdir()
    assert notes.read_text().startswith("BLIND\t")


@pytest.mark.parametrize("is_tracked", [True, False])
def test_a_link_that_leaves_the_source_is_followed(repository: Write, *, is_tracked: bool) -> None:
    demo = repository({"train.py": "print(open('in.txt').read())\n"})
    outside = demo.path.parent / "real.txt"
    outside.write_text("1\n")
    (demo.path / "in.txt").symlink_to("../real.txt")
    if is_tracked:
        commit(demo.path, {}, "link")
    run(demo)
    assert demo.reprise("reproduce", "@last").exit_code == 0
    outside.write_text("2\n")
    again = demo.reprise("reproduce", "@last")
    assert again.exit_code == 7
    assert f"input {outside}" in again.out


def test_an_ignored_link_to_data_elsewhere_is_brought_back(repository: Write, tmp_path: Path) -> None:
    demo = repository({".gitignore": "data\n", "train.py": "print(open('data/t.csv').read())\n"})
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "t.csv").write_text("1\n")
    (demo.path / "data").symlink_to(tmp_path / "datasets")
    run(demo)
    assert standings(demo) == {"data": "ignored"}
    again = demo.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.err


def test_unobserved_runs_keep_the_ignored_files_that_they_name(repository: Write) -> None:
    demo = repository(
        {
            "MLproject": "entry_points: {main: {parameters: {d: path}, command: 'cat {d} conf/local'}}\n",
            ".gitignore": "data/\nconf/local\nrest/\n",
        }
    )
    for name in ("data/t.csv", "conf/local", "rest/model.bin"):
        (demo.path / name).parent.mkdir(exist_ok=True)
        (demo.path / name).write_text(f"{name}\n")
    err = run(demo, "--no-observe", "-P", f"d={demo.path}/data/t.csv")
    assert {"data/t.csv", "conf/local"} <= standings(demo).keys()
    assert "rest/ (ignored by git, 1 file, 15 bytes)" in err
    again = demo.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.err


def test_what_a_run_leaves_behind_is_no_source_of_the_next(repository: Write) -> None:
    demo = repository(
        {
            "train.py": "import u\nopen('model.pkl', 'w').write('x' * u.X)\nprint('trained')\n",
            "u.py": "X = 3\n",
        }
    )
    run(demo)
    assert (demo.path / "model.pkl").exists()
    run(demo)
    assert (demo.path / "__pycache__").exists()
    assert standings(demo) == {"model.pkl": "left behind"}
    assert [item.tags[tags.DIRTY] for item in demo.runs()] == ["false", "false"]
    first, second = (item.run_id for item in reversed(demo.runs()))
    verified = demo.reprise("verify", first, second)
    assert verified.exit_code == 0, verified.err
    again = demo.reprise("reproduce", second)
    assert again.exit_code == 0, again.err


def test_what_a_run_left_and_the_next_reads_is_source(repository: Write) -> None:
    code = "import os\nn = open('step').read() if os.path.exists('step') else ''\nprint(n)\n"
    demo = repository({"train.py": code + "open('step', 'w').write(n + '1')\n"})
    run(demo)
    run(demo)
    assert standings(demo) == {"step": "untracked"}
    assert [item.tags[tags.DIRTY] for item in reversed(demo.runs())] == ["false", "true"]
    first, second = (item.run_id for item in reversed(demo.runs()))
    assert demo.reprise("verify", first, second).exit_code == 7
    again = demo.reprise("reproduce", second)
    assert again.exit_code == 0, again.err


@pytest.mark.parametrize("change", ["edited", "not observed", "not Python"])
def test_what_a_run_left_is_source_where_it_may_have_been_read(repository: Write, change: str) -> None:
    demo = repository(
        {
            "MLproject": MLPROJECT[:-2] + ", shell: {command: 'cat model.pkl'}}\n",
            "train.py": "open('model.pkl', 'w').write('x')\n",
        }
    )
    run(demo)
    if change == "edited":
        (demo.path / "model.pkl").write_text("by hand")
    run(demo, *{"not observed": ("--no-observe",), "not Python": ("-e", "shell")}.get(change, ()))
    assert standings(demo) == {"model.pkl": "untracked"}
    assert demo.runs()[0].tags[tags.DIRTY] == "true"


def test_a_plain_folder_keeps_what_is_ignored_and_read(project: Write) -> None:
    demo = project(
        {
            "MLproject": MLPROJECT,
            ".gitignore": "data/\n",
            "train.py": "print(open('data/t.csv').read())\n",
            "data/t.csv": "1\n",
            "data/unread.csv": "2\n",
        }
    )
    run(demo)
    assert standings(demo)["data/t.csv"] == "ignored"
    assert "data/unread.csv" not in standings(demo)
    again = demo.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.err


def test_without_git_a_plain_folder_is_kept(
    project: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    demo = project(
        {
            "MLproject": MLPROJECT,
            ".gitignore": "*.log\n",
            "train.py": "print('hi')\n",
            "x.log": "ignored, were there git\n",
            "empty/.keep": "",
            "__pycache__/a.pyc": "made",
        }
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "python", "python3", "env", "uname"):
        for folder in os.environ["PATH"].split(os.pathsep):
            if Path(folder, name).exists():
                (programs / name).symlink_to(Path(folder, name))
                break
    monkeypatch.setenv("PATH", str(programs))
    run(demo)
    assert set(standings(demo)) == {"MLproject", ".gitignore", "train.py", "x.log", "empty/.keep"}
    again = demo.reprise("reproduce", "@last")
    assert again.exit_code == 0, again.err
