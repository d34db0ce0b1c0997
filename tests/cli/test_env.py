"""``reprise env`` as a user types it: what is there, what is in it, to work in it, and to remove it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from reprise.envs.cache import (
    inventory,
    marker,
    prune,
    resolutions,
    store,
)
from reprise.file_lock import scratch
from reprise.paths import cache_dir
from reprise.runner.sources import working_copy
from reprise.schemas import tags
from tests.backends.test_local import run_on_terminal
from tests.conftest import ProjectFolder
from tests.envs import wheels

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

NASTY = "a 'b' \"c\" $d ; e"
COMMAND = "python -c 'import alpha; print(alpha.__version__)'"
MLPROJECT = f"""\
name: demo
python_env: python_env.yaml
entry_points:
  main: {{command: "{COMMAND}"}}
  waits: {{command: "touch started; while [ ! -e go-on ]; do sleep 0.05; done; python -c 'import alpha'"}}
"""


@pytest.fixture
def index(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    wheels.make(folder, "alpha", "1.0", requires=["beta"], hashed=True)
    wheels.make(folder, "alpha", "2.0", hashed=True)
    wheels.make(folder, "beta", "2.0", hashed=True)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")  # nobody writes in the background while we remove
    return folder


@pytest.fixture
def demo(project: Write, index: Path) -> ProjectFolder:
    """A project that ran once with alpha 1.0."""
    demo = project({"MLproject": MLPROJECT, "python_env.yaml": "dependencies: [alpha==1.0]\n"})
    assert demo.reprise("run", str(demo.path)).exit_code == 0
    return demo


def run_with_alpha_2(demo: ProjectFolder) -> None:
    (demo.path / "python_env.yaml").write_text("dependencies: [alpha==2.0]\n")
    assert demo.reprise("run", str(demo.path)).exit_code == 0


def grow_old(days: float = 40) -> None:
    """All that the cache has was used so many days ago."""
    old = time.time() - days * 86400
    for path in [cache_dir(), *cache_dir().rglob("*")]:
        os.utime(path, (old, old), follow_symlinks=False)


def test_list_tells_whose_and_how_large(demo: ProjectFolder) -> None:
    listed = demo.reprise("env", "list").out.splitlines()
    assert listed[0].split() == [
        "DIGEST",
        "PROJECT",
        "MANAGER",
        "PYTHON",
        "PACKAGES",
        "SIZE",
        "LAST",
        "USE",
    ]
    (entry,) = inventory.list_entries()
    assert listed[1].startswith(f"{entry.marker.digest[:12]}  demo     virtualenv  ")
    (facts,) = json.loads(demo.reprise("env", "list", "--json").out)
    assert facts["digest"] == demo.runs()[0].tags[tags.ENV_DIGEST]
    assert (facts["projects"], facts["stores"]) == (["demo"], [str(Path("mlruns").absolute())])
    assert (facts["package_count"], facts["in_use"], facts["damage"]) == (2, False, None)
    assert facts["size"] >= facts["own_size"] > 0


def test_show_is_the_readable_lock_of_an_environment_and_of_a_run(demo: ProjectFolder) -> None:
    (entry,) = inventory.list_entries()
    by_run = demo.reprise("env", "show", "@last").out
    for line in ("alpha    1.0 ", "beta     2.0 ", "CPython "):
        assert line in by_run
    by_digest = demo.reprise("env", "show", entry.marker.digest[:6]).out
    assert by_digest.partition("PACKAGE")[2] == by_run.partition("PACKAGE")[2]
    assert demo.reprise("env", "show", entry.name, "--lock").out == entry.lock.text
    facts = json.loads(demo.reprise("env", "show", entry.name, "--json").out)
    assert [item["name"] for item in facts["packages"]] == ["CPython", "alpha", "beta"]
    assert all(item["hashes"] for item in facts["packages"][1:])


def test_diff_of_two_runs_and_of_a_lock_file(demo: ProjectFolder, tmp_path: Path) -> None:
    first = demo.runs()[0].run_id
    run_with_alpha_2(demo)
    changes = json.loads(demo.reprise("env", "diff", first, "@last", "--json").out)
    assert [(item["kind"], item["name"]) for item in changes] == [("changed", "alpha"), ("removed", "beta")]
    assert demo.reprise("env", "diff", first, "@last").out.splitlines()[1].split() == [
        *("changed", "alpha", "1.0", "2.0")
    ]
    file = tmp_path / "requirements.lock"
    file.write_text("alpha==1.0\ngamma==3.0\n")
    changes = json.loads(demo.reprise("env", "diff", str(file), first, "--json").out)
    assert [(item["kind"], item["name"]) for item in changes] == [
        *(("added", "beta"), ("removed", "gamma"), ("added", "python"))
    ]
    assert demo.reprise("env", "diff", first, first).err == "The packages are the same\n"


def test_a_kept_lock_of_a_run_is_a_lock_file(demo: ProjectFolder, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(demo.reprise("env", "show", "@last", "--lock").out)
    assert demo.reprise("env", "diff", str(kept), "@last").err == "The packages are the same\n"
    (tmp_path / "other").write_text("nothing of that kind\n")
    assert "pins no package" in demo.reprise("env", "diff", str(tmp_path / "other"), "@last").err


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "uv.lock",
            'version = 1\n[[package]]\nname = "alpha"\nversion = "1.0"\nsource = { registry = "r" }\n'
            'wheels = [{ url = "u", hash = "sha256:00" }]\n',
        ),
        ("requirements.txt", "alpha==1.0 \\\n    --hash=sha256:00\n"),
    ],
)
def test_diff_reads_the_lock_files_of_other_tools(
    demo: ProjectFolder, tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    changes = json.loads(demo.reprise("env", "diff", str(tmp_path / file), "@last", "--json").out)
    assert {item["name"]: item["note"] for item in changes} == {
        "alpha": "the same version with other files",
        "beta": "",
        "python": "",
    }


def test_path_makes_an_environment_again_from_the_lock_of_its_run(demo: ProjectFolder) -> None:
    place = demo.reprise("env", "path", "@last").out
    shutil.rmtree(cache_dir())
    (demo.path / "python_env.yaml").write_text("dependencies: [alpha==2.0]\n")
    again = demo.reprise("env", "path", "@last")
    assert again.out == place
    assert "Created environment" in again.err
    python = f"{place.strip()}/bin/python"
    told = subprocess.run([python, "-c", "import alpha; print(alpha.__version__)"], capture_output=True)
    assert told.stdout == b"1.0\n"


@pytest.mark.parametrize("word", ["@last", "URI", "ENV"])
def test_exec_is_inside_and_its_exit_code_ours(demo: ProjectFolder, word: str) -> None:
    (entry,) = inventory.list_entries()
    word = {"URI": str(demo.path), "ENV": entry.name}.get(word, word)
    code = (
        "import sys, os, alpha; print(sys.prefix, sys.argv[1:], os.environ['VIRTUAL_ENV'],"
        " os.environ.get('MLFLOW_RUN_ID')); sys.exit(7)"
    )
    done = demo.reprise("env", "exec", word, "--", "python", "-c", code, NASTY)
    assert (done.exit_code, done.out) == (7, f"{entry.prefix} {[NASTY]} {entry.prefix} None\n")
    assert len(demo.runs()) == 1


def test_exec_of_a_command_that_is_killed_or_missing(demo: ProjectFolder) -> None:
    assert demo.reprise("env", "exec", "@last", "--", "sh", "-c", "kill -9 $$").exit_code == 137
    done = demo.reprise("env", "exec", "@last", "--", "no-such-program")
    assert done.exit_code == 5
    assert 'cannot start "no-such-program"' in done.err


def test_shell_has_the_environment_first_whatever_its_settings_say(
    demo: ProjectFolder, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house / ".bashrc").write_text("export PATH=/usr/bin:$PATH; echo mine\n")
    monkeypatch.setenv("SHELL", "/bin/bash")
    argv = [sys.executable, "-m", "reprise", "env", "shell", "@last"]
    (entry,) = inventory.list_entries()
    code, shown = run_on_terminal(argv, typed=b"command -v python; exit 3\n")
    assert code == 3
    assert b"mine" in shown
    assert f"{entry.prefix}/bin/python".encode() in shown


def test_what_is_local_was_never_made(demo: ProjectFolder) -> None:
    (demo.path / "MLproject").write_text("name: x\nentry_points: {main: {command: 'true'}}\n")
    assert demo.run().exit_code == 0
    refused = demo.reprise("env", "path", "@last")
    assert refused.exit_code == 2
    assert "current environment of its machine (local)" in refused.err
    assert "current environment of its machine (local)" in demo.reprise("env", "show", "@last").out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "feed"), 'no run begins with "feed"'),
        (("path", "nothing-such"), '"nothing-such" is not an environment in the cache'),
        (("check", "feed"), '"feed" is not an environment in the cache'),
        (("prune", "--older-than", "soon"), '--older-than "soon" is not a duration'),
        (("show", "@last", "--lock", "--json"), "--lock prints the lock as it is"),
        (("exec", "@last", "--env-manager", "uv", "--", "true"), "only work with the URI of a project"),
    ],
)
def test_refusals_name_what_was_found(demo: ProjectFolder, words: tuple[str, ...], sentence: str) -> None:
    refused = demo.reprise("env", *words)
    assert refused.exit_code == 2
    assert sentence in refused.err


def test_a_lock_that_was_tampered_with_is_refused(demo: ProjectFolder) -> None:
    shutil.rmtree(cache_dir())
    (lock,) = Path("mlruns").glob("artifacts/**/reprise/environment.lock")
    lock.write_text(lock.read_text().replace("1.0", "2.0"))
    assert "is not the lock that the run ran with" in demo.reprise("env", "path", "@last").err


def test_check_tells_damage_and_ends_with_4(demo: ProjectFolder) -> None:
    assert demo.reprise("env", "check").exit_code == 0
    (entry,) = inventory.list_entries()
    (module,) = entry.prefix.glob("lib/python*/site-packages/alpha.py")
    text = module.read_text()
    module.unlink()
    module.write_text(text.replace("1.0", "6.6"))
    checked = demo.reprise("env", "check", entry.marker.digest[:8])
    assert checked.exit_code == 4
    assert "alpha.py of alpha 1.0 has another content" in checked.out
    assert "damaged: " in demo.reprise("env", "list").out
    ran = demo.reprise("run", str(demo.path))
    assert (ran.exit_code, ran.out) == (0, "1.0\n")
    assert "Recreating environment " in ran.err
    assert json.loads(demo.reprise("env", "check", "--json").out) == {entry.name: []}


def test_prune_removes_what_is_old_and_says_which_runs_used_it(demo: ProjectFolder) -> None:
    grow_old()
    run_with_alpha_2(demo)
    tried = demo.reprise("env", "prune", "--dry-run")
    assert "Would remove 1 environment, " in tried.err
    assert len(inventory.list_entries()) == 2
    done = demo.reprise("env", "prune")
    first = demo.runs()[1].run_id[:8]
    assert f"run {first} used it" in done.err
    assert f"recreate the environment with reprise env path {first}" in done.err
    assert "Removed 1 environment, " in done.err
    assert "Removed 1 remembered resolution, " in done.err
    assert len(inventory.list_entries()) == 1
    assert demo.reprise("env", "path", first).exit_code == 0


def test_prune_keeps_what_kept_runs_need_when_asked(demo: ProjectFolder) -> None:
    grow_old()
    facts = json.loads(demo.reprise("env", "prune", "--keep-reproducible", "--json").out)
    assert facts["removed"] == []
    assert [kept["runs"] for kept in facts["kept"]] == [[demo.runs()[0].run_id]]
    shutil.rmtree("mlruns")
    facts = json.loads(demo.reprise("env", "prune", "--keep-reproducible", "--json").out)
    assert len(facts["removed"]) == 1


def test_prune_says_that_a_store_cannot_be_asked(demo: ProjectFolder) -> None:
    (entry,) = inventory.list_entries()
    marker.note_user(entry.prefix, marker.User("far", "http://127.0.0.1:1"))
    grow_old()
    kept = demo.reprise("env", "prune", "--keep-reproducible")
    assert "the runs of http://127.0.0.1:1 could not be read" in kept.err
    assert len(inventory.list_entries()) == 1


@contextmanager
def a_run_inside(demo: ProjectFolder) -> Iterator[None]:
    argv = [sys.executable, "-m", "reprise", "run", str(demo.path), "-e", "waits"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE) as running:
        while not (demo.path / "started").exists():
            assert running.poll() is None
            time.sleep(0.01)
        yield
        (demo.path / "go-on").touch()
        assert running.wait(60) == 0


def test_prune_leaves_an_environment_that_a_run_is_in(demo: ProjectFolder) -> None:
    with a_run_inside(demo):
        grow_old()
        assert "in use" in demo.reprise("env", "list").out
        assert json.loads(demo.reprise("env", "prune", "--older-than", "0", "--json").out)["removed"] == []
    assert len(inventory.list_entries()) == 1
    assert inventory.list_entries()[0].last_use > time.time() - 3600  # the end of a use counts


def test_prune_removes_what_killed_processes_left(demo: ProjectFolder) -> None:
    (entry,) = inventory.list_entries()
    half = entry.prefix.with_name("virtualenv-0123456789abcdef")
    (half / "bin").mkdir(parents=True)
    stray = [
        half.with_suffix(".lock"),
        half.with_name(f"{half.name}.use"),
        entry.prefix.with_name("x-1.lock"),
    ]
    for path in stray:
        path.touch()
    left = [
        entry.prefix.with_name(".removing-virtualenv-1-ab"),
        cache_dir() / "scratch-v1" / "dead",
        working_copy.work_root() / "dead",
        cache_dir() / "inputs-v1" / ".arriving-x",
        cache_dir() / "git-v1" / "0123" / ".mirror.git",
        cache_dir() / "git-v1" / "0123" / "commits" / ".4567",
        cache_dir() / "bytecode-v1" / "cpython-311" / ".making-x-1",
        Path("mlruns/jobs/.making-x").absolute(),
    ]
    for path in left:
        path.mkdir(parents=True)
        (path / "file").write_text("x" * 5000)
    file = cache_dir() / resolutions.FOLDER / ".x.json.123.0123abcd"
    file.touch()
    grow_old(2)
    old = time.time() - 2 * 86400
    for path in (left[-1], left[-1] / "file"):
        os.utime(path, (old, old))
    with scratch() as ours:
        os.utime(ours, (old, old))
        done = demo.reprise("env", "prune")
        assert ours.exists()
    assert [path for path in (half, file, *stray, *left) if path.exists()] == []
    assert "Removed 2 half-made environments, " in done.err
    assert f"Removed {len(left) - 1} temporary folders, " in done.err
    assert entry.prefix.exists()
    assert demo.reprise("env", "prune").err == "Nothing to remove\n"


def test_prune_never_removes_what_was_used_meanwhile(demo: ProjectFolder) -> None:
    (entry,) = inventory.list_entries()
    grow_old()
    before = time.time() - 3600
    marker.note_use(entry.prefix)
    assert prune.remove_unused(entry.prefix, before) is None
    assert store.place_of(entry.lock) == entry.prefix
    assert entry.prefix.exists()
