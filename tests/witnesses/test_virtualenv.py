"""``local`` runs are in the environment that virtualenv, the package, has made, however it is entered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import virtualenv

from reprise.envs import registry as envs
from reprise.schemas.environment import Lock
from tests.conftest import REPOSITORY, ProjectFolder

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

SHOW = """\
import json, os, sys
try:
    import only_here
    mark = only_here.MARK
except ImportError:
    mark = None
print(json.dumps([sys.prefix, sys.executable, mark, os.environ.get("VIRTUAL_ENV")]))
"""
FILES = {
    "MLproject": "python_env: python_env.yaml\nentry_points: {main: {command: 'python show.py'}}\n",
    "python_env.yaml": "dependencies: [this-must-not-be-installed]\n",
    "show.py": SHOW,
}


def make_environment(folder: Path, *options: str) -> Path:
    """An environment with one module that no other has; its ``python``."""
    made = virtualenv.cli_run(["--no-seed", "--no-periodic-update", *options, str(folder)])
    (Path(made.creator.purelib) / "only_here.py").write_text("MARK = 'here'\n")
    return Path(made.creator.exe)


def activate(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As virtualenv's own activation script does it, asked from bash."""
    script = ["bash", "-c", 'source "$1"; env -0', "bash", str(python.parent / "activate")]
    done = subprocess.run(script, check=True, capture_output=True, text=True)
    entered = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)
    for name in ("PATH", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, entered[name])


def read_lock(project: ProjectFolder) -> Lock:
    return Lock("local", project.artifact(project.runs()[0], "reprise/environment.lock"))


@pytest.mark.parametrize(
    "options",
    [(), ("--symlinks",), ("--copies",), ("--system-site-packages",)],
    ids=str,
)
@pytest.mark.parametrize("name", ["env", "an environment, ünïcode"])
def test_a_run_is_in_the_activated_environment(
    name: str, options: tuple[str, ...], project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project(FILES)
    python = make_environment(tmp_path / name, *options)
    activate(python, monkeypatch)
    done = demo.run()
    assert done.exit_code == 0, done.err
    prefix, executable, mark, active = json.loads(done.out)
    assert (Path(prefix), mark, active) == (tmp_path / name, "here", str(tmp_path / name))
    assert Path(executable).parent == python.parent
    (package,) = envs.MANAGERS["local"].packages(read_lock(demo))
    assert package.version == ".".join(map(str, sys.version_info[:3]))
    assert Path(package.origin or "").parent == python.parent


def test_a_program_in_an_environment_runs_projects_there_without_activating_it(
    project: Write, tmp_path: Path
) -> None:
    demo = project(FILES)
    python = make_environment(tmp_path / "env")
    program = f"import reprise; reprise.run({str(demo.path)!r}, env_manager='local')"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), packages])}
    done = subprocess.run(
        [str(python), "-c", program], capture_output=True, text=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[:3:2] == [str(tmp_path / "env"), "here"]


def test_the_environments_that_we_make_are_virtual_environments_to_it(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """virtualenv makes one from the Python of ours, which it must first recognise."""
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    demo = project({**FILES, "python_env.yaml": "dependencies: []\n"})
    done = demo.reprise("run", str(demo.path), "--env-manager=virtualenv")
    assert done.exit_code == 0, done.err
    prefix, executable, _, _ = json.loads(done.out)
    assert Path(prefix) != Path(sys.prefix)
    inner = make_environment(tmp_path / "inner", "--python", executable)
    code = "import sys; print(sys.version)"
    versions = [
        subprocess.run([program, "-c", code], check=True, capture_output=True, text=True).stdout
        for program in (executable, str(inner))
    ]
    assert versions[0] == versions[1]
