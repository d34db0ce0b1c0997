"""virtualenv: what decides an environment, and how its failures read. uv and the wheels are real."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reprise.envs.cache import store
from reprise.envs.difference import compare_packages
from reprise.envs.pypi import uv
from reprise.envs.virtualenv import manager
from reprise.errors import EnvError, ProjectError
from reprise.paths import cache_dir
from reprise.schemas.environment import DockerEnv, Environment, Policy, PythonEnv
from reprise.schemas.job import Command
from tests.envs import wheels

pytestmark = pytest.mark.slow

PYPROJECT = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["{}"]\n'
RUNNING = ".".join(map(str, sys.version_info[:3]))


def spec(*dependencies: str, **fields: Any) -> PythonEnv:
    root = Path.cwd()
    return PythonEnv(root, root / "python_env.yaml", dependencies=dependencies, **fields)


def ensure(spec: PythonEnv, log: Path) -> Environment:
    return store.ensure_environment(manager, spec, Policy(), log)


def facts(environment: Environment) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(environment.lock.text)
    return content


def run(environment: Environment, code: str) -> str:
    python = environment.prefix / "bin" / "python"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def local_project(folder: Path, value: int) -> None:
    """A project that builds itself without any build dependency from an index."""
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    (folder / "lib" / "gamma.py").write_text(f"value = {value}\n")
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "gamma"\nversion = "1"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(
        "import pathlib, zipfile\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    return make(folder, {'gamma.py': pathlib.Path('lib/gamma.py').read_text()})\n"
        "def build_editable(folder, config_settings=None, metadata_directory=None):\n"
        "    return make(folder, {'gamma.pth': str(pathlib.Path('lib').resolve())})\n"
        "def make(folder, files):\n"
        "    info = 'gamma-1.dist-info/'\n"
        "    files[info + 'METADATA'] = 'Metadata-Version: 2.1\\nName: gamma\\nVersion: 1\\n'\n"
        "    files[info + 'WHEEL'] = 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'\n"
        "    files[info + 'RECORD'] = ''.join(f'{name},,\\n' for name in files)\n"
        "    with zipfile.ZipFile(pathlib.Path(folder) / 'gamma-1-py3-none-any.whl', 'w') as wheel:\n"
        "        for name, content in files.items():\n"
        "            wheel.writestr(name, content)\n"
        "    return 'gamma-1-py3-none-any.whl'\n"
    )


def test_installs_build_dependencies_and_dependencies_in_one_resolution(index: Path, log: Path) -> None:
    environment = ensure(spec("alpha", build_dependencies=("beta==2.0",)), log)
    assert run(environment, "import alpha, beta; print(beta.__version__)") == "2.0"


def test_lock_names_every_package_with_hashes(index: Path, log: Path) -> None:
    found = facts(ensure(spec("alpha"), log))
    lines = [line for line in found["requirements"] if not line.startswith(" ")]
    assert lines == ["alpha==1.0 \\", "beta==2.0 \\"]
    assert sum("--hash=sha256:" in line for line in found["requirements"]) == 2
    assert found["python"] == RUNNING
    assert "root" not in found


def test_lock_is_stable_across_resolutions_and_folders(
    index: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = manager.lock(spec("alpha", "beta"), Policy(), log)
    other = tmp_path / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    monkeypatch.setenv("REPRISE_CACHE_DIR", str(tmp_path / "another-cache"))
    assert manager.lock(spec("alpha", "beta"), Policy(), log) == first


def test_two_specs_with_one_resolution_share_an_environment(index: Path, log: Path) -> None:
    assert ensure(spec("alpha"), log).prefix == ensure(spec("beta", "alpha>=0.5"), log).prefix


def test_known_project_starts_no_program(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ensure(spec("alpha"), log)

    def refuse(self: object, args: Any, *rest: Any, **options: Any) -> None:
        raise AssertionError(f"started {args}")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    assert ensure(spec("alpha"), log) == first


def test_same_files_in_another_folder_resolve_nothing(
    index: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text("alpha\n")
    monkeypatch.chdir(tmp_path / "one")
    first = ensure(spec("-r requirements.txt"), log)
    log.unlink()
    monkeypatch.chdir(tmp_path / "two")
    assert ensure(spec("-r requirements.txt"), log).lock == first.lock
    assert not log.exists()


def test_editing_an_included_file_changes_the_environment(index: Path, log: Path) -> None:
    wheels.make(index, "beta", "1.0")
    Path("deep").mkdir()
    Path("requirements.txt").write_text("-r deep/more.txt  # a comment\n")
    Path("deep/more.txt").write_text("alpha\n-c limits.txt\n")
    Path("deep/limits.txt").write_text("beta<2\n")
    old = ensure(spec("-r requirements.txt"), log)
    assert run(old, "import beta; print(beta.__version__)") == "1.0"
    Path("deep/limits.txt").write_text("beta>=2\n")
    new = ensure(spec("-r requirements.txt"), log)
    assert run(new, "import beta; print(beta.__version__)") == "2.0"
    assert new.prefix != old.prefix


def test_index_options_of_a_requirements_file_are_used_to_install(
    index: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    wheels.make(Path.cwd() / "wheels", "delta", "3.0")
    Path("requirements.txt").write_text("--find-links ./wheels\ndelta\n")
    environment = ensure(spec("-r requirements.txt"), log)
    assert run(environment, "import delta; print(delta.__version__)") == "3.0"


def test_relative_root_is_taken_from_the_current_folder(index: Path, log: Path) -> None:
    Path("project").mkdir()
    Path("project/requirements.txt").write_text("beta\n")
    given = PythonEnv(Path("project"), dependencies=("-r requirements.txt",))
    assert run(ensure(given, log), "import beta; print(beta.__version__)") == "2.0"


def test_local_project_is_rebuilt_when_its_sources_change(index: Path, log: Path) -> None:
    local_project(Path.cwd(), 1)
    first = ensure(spec("."), log)
    assert run(first, "import gamma; print(gamma.value)") == "1"
    Path("output.csv").write_text("what a run writes")
    Path("mlruns").mkdir()
    assert ensure(spec("."), log) == first
    local_project(Path.cwd(), 2)
    assert run(ensure(spec("."), log), "import gamma; print(gamma.value)") == "2"


def test_local_project_is_a_package_of_the_lock_by_its_content(index: Path, log: Path) -> None:
    local_project(Path("my lib"), 1)
    _, before, beta = manager.packages(manager.lock(spec("./my lib", "beta"), Policy(), log))
    assert (before.name, before.origin, beta.name) == ("./my lib", "./my lib", "beta")
    local_project(Path("my lib"), 2)
    _, after, _ = manager.packages(manager.lock(spec("./my lib", "beta"), Policy(), log))
    (change,) = compare_packages([before], [after])
    assert (change.name, change.note) == ("./my lib", "other files")


def test_paths_may_hold_variables(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEELS", str(index))
    (index / "beta-2.0-py3-none-any.whl").rename("beta-2.0-py3-none-any.whl")
    asked = spec(
        "--find-links ${WHEELS}", "alpha", "beta @ file://${PROJECT_ROOT}/beta-2.0-py3-none-any.whl"
    )
    assert run(ensure(asked, log), "import alpha, beta; print(beta.__version__)") == "2.0"


def test_editable_project_follows_its_sources(index: Path, log: Path) -> None:
    local_project(Path.cwd(), 1)
    first = ensure(spec("-e ."), log)
    assert run(first, "import gamma; print(gamma.value)") == "1"
    local_project(Path.cwd(), 2)
    assert ensure(spec("-e ."), log) == first
    assert run(first, "import gamma; print(gamma.value)") == "2"


def test_pyproject_without_a_build_system_gives_its_dependencies(index: Path, log: Path) -> None:
    file = Path.cwd() / "pyproject.toml"
    file.write_text(
        '[project]\nname = "x"\nversion = "1"\ndependencies = ["alpha"]\nrequires-python = ">=3.8"\n'
    )
    environment = ensure(PythonEnv(Path.cwd(), file, pyproject=file), log)
    assert run(environment, "import alpha; print(alpha.__version__)") == "1.0"


def test_pyproject_with_a_build_system_is_installed_itself(index: Path, log: Path) -> None:
    local_project(Path.cwd(), 7)
    file = Path.cwd() / "pyproject.toml"
    environment = ensure(PythonEnv(Path.cwd(), file, pyproject=file), log)
    assert run(environment, "import gamma; print(gamma.value)") == "7"


def test_uv_lock_decides_the_versions(index: Path, log: Path) -> None:
    file = Path.cwd() / "pyproject.toml"
    file.write_text(
        '[project]\nname = "x"\nversion = "1"\ndependencies = ["beta"]\nrequires-python = ">=3.8"\n'
    )
    assert uv.call_uv(["lock", "--no-index"], log=log, cwd=Path.cwd()).exit_code == 0, log.read_text()
    wheels.make(index, "beta", "9.0")
    environment = ensure(PythonEnv(Path.cwd(), file, pyproject=file), log)
    assert run(environment, "import beta; print(beta.__version__)") == "2.0"
    Path("uv.lock").unlink()
    relocked = ensure(PythonEnv(Path.cwd(), file, pyproject=file), log)
    assert run(relocked, "import beta; print(beta.__version__)") == "9.0"


def test_broken_pyproject_is_the_projects_fault(index: Path, log: Path) -> None:
    file = Path.cwd() / "pyproject.toml"
    file.write_text("[project\n")
    with pytest.raises(ProjectError, match=r"pyproject\.toml: "):
        ensure(PythonEnv(Path.cwd(), file, pyproject=file), log)


def test_unknown_package_is_named(index: Path, log: Path) -> None:
    with pytest.raises(EnvError, match=r"cannot resolve the packages of .*python_env\.yaml") as caught:
        ensure(spec("alpha", "no-such-package"), log)
    assert "no-such-package" in caught.value.message
    assert str(log) in caught.value.message
    assert "no-such-package" in log.read_text()


def test_conflicting_pins_are_named(index: Path, log: Path) -> None:
    with pytest.raises(EnvError, match=r"beta==1\.5"):
        ensure(spec("alpha", "beta==1.5"), log)


def test_malformed_requirement_is_shown(index: Path, log: Path) -> None:
    with pytest.raises(ProjectError, match='"alpha >>= 1" is not a requirement'):
        ensure(spec("alpha >>= 1"), log)


def test_missing_python_names_those_that_are_there(index: Path, log: Path) -> None:
    with pytest.raises(EnvError, match=r"Python 3\.99\.1 is not on this machine") as caught:
        ensure(spec(python="3.99.1"), log)
    assert RUNNING in (caught.value.hint or "")


def test_missing_file_is_the_projects_fault(index: Path, log: Path) -> None:
    with pytest.raises(ProjectError, match=r'python_env\.yaml: "-r nowhere\.txt" refers to .*nowhere\.txt'):
        ensure(spec("-r nowhere.txt"), log)


def test_tampered_package_is_refused(
    index: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = manager.lock(spec("beta"), Policy(), log)
    wheels.make(index, "beta", "2.0", files={"intruder.py": "evil = True\n"})
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "nothing downloaded yet"))
    prefix = store.place_of(lock)
    prefix.mkdir(parents=True)
    with pytest.raises(EnvError, match=r"(?i)hash"):
        manager.create(lock, prefix, Policy(), log)


def test_hashes_written_by_the_user_are_the_only_ones_taken(index: Path, log: Path) -> None:
    digest = hashlib.sha256((index / "beta-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    other = "0" * 64
    lines = ["beta==2.0 \\", f"  --hash=sha256:{digest} \\", f"  --hash=sha256:{other}", "alpha"]
    Path("requirements.txt").write_text("\n".join(lines))
    found = facts(ensure(spec("-r requirements.txt"), log))
    assert found["requirements"][0].startswith("alpha==1.0")
    assert found["requirements"][2:] == ["beta==2.0 \\", f"    --hash=sha256:{digest}"]
    Path("requirements.txt").write_text(f"beta==2.0 --hash=sha256:{other}\n")
    with pytest.raises(ProjectError, match=r"none of the hashes written for beta==2\.0"):
        ensure(spec("-r requirements.txt"), log)


def test_environment_without_its_python_is_made_again(
    index: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    environment = ensure(spec("alpha"), log)
    python = environment.prefix / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert run(ensure(spec("alpha"), log), "import alpha; print(alpha.__version__)") == "1.0"
    assert f"Recreating environment {environment.prefix.name}: its Python was removed" in caplog.text


def test_interpreter_that_was_removed_is_found_anew(index: Path, log: Path) -> None:
    ensure(spec("alpha"), log)
    (entry,) = (cache_dir() / "locks-v1").glob("*.json")
    remembered = json.loads(entry.read_text())
    entry.write_text(json.dumps({**remembered, "interpreter": "/nowhere/python3"}))
    ensure(spec("alpha"), log)
    assert json.loads(entry.read_text()) == remembered


def test_damaged_memory_is_resolved_again(index: Path, log: Path) -> None:
    first = ensure(spec("alpha"), log)
    (entry,) = (cache_dir() / "locks-v1").glob("*.json")
    entry.write_text('{"text": ')
    assert ensure(spec("alpha"), log) == first


def test_phases_are_told(index: Path, log: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    environment = ensure(spec("alpha"), log)
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == f"Python {RUNNING}: the newest; the project does not set one"
    assert told[1].startswith("Resolved 2 packages in ")
    assert told[2].startswith(f"Created environment {environment.prefix.name} in ")


def test_enter_puts_the_environment_first(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = ensure(spec("alpha"), log)
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    command = Command(("bash", "-c", "python train.py"), (("MLFLOW_RUN_ID", "1"),), Path.cwd())
    entered = manager.enter(environment, command)
    patch = dict(entered.environ)
    assert entered.argv == command.argv
    assert patch["MLFLOW_RUN_ID"] == "1"
    assert patch["PATH"] == f"{environment.prefix}/bin{os.pathsep}{os.environ['PATH']}"
    assert patch["VIRTUAL_ENV"] == str(environment.prefix)
    assert patch["PYTHONHOME"] is None
    assert "PYTHONPATH" not in patch


def test_credentials_reach_the_index_and_nothing_else(
    index: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels.make(tmp_path / "private", "epsilon", "5.0")
    monkeypatch.delenv("PIP_NO_INDEX")
    with wheels.guarded_index(tmp_path / "private", "user", "secret") as address:
        options = f"--index-url http://user:secret@{address}/simple"
        Path("requirements.txt").write_text(f"{options}\nepsilon\n")
        environment = ensure(spec("-r requirements.txt"), log)
    assert run(environment, "import epsilon; print(epsilon.__version__)") == "5.0"
    assert facts(environment)["sources"] == [f"--index-url http://{address}/simple"]
    kept = [path for path in (*cache_dir().rglob("*"), log) if path.is_file() and not path.is_symlink()]
    assert not [path for path in kept if b"secret" in path.read_bytes()]


@pytest.mark.network
def test_packages_of_the_real_index(house: Path, log: Path) -> None:
    environment = ensure(spec("six==1.16.0", build_dependencies=("pip",)), log)
    assert run(environment, "import six, pip; print(six.__version__)") == "1.16.0"


def test_containers_are_not_made_of_packages() -> None:
    with pytest.raises(EnvError, match="does not support") as caught:
        manager.takes(DockerEnv(Path.cwd(), "team/image"))
    assert "--env-manager local" in (caught.value.hint or "")


def test_constraints_of_pip_hold(index: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels.make(index, "beta", "1.0")
    Path("constraints.txt").write_text("beta<2\n")
    Path("project").mkdir()
    monkeypatch.setenv("PIP_CONSTRAINT", "constraints.txt")
    constrained = PythonEnv(Path.cwd() / "project", dependencies=("alpha",))
    assert run(ensure(constrained, log), "import beta; print(beta.__version__)") == "1.0"
    Path("constraints.txt").write_text("beta<3\n")
    assert run(ensure(constrained, log), "import beta; print(beta.__version__)") == "2.0"


def test_extra_indexes_of_pip_have_a_say(
    house: Path, log: Path, tmp_path: Path, dated_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = wheels.make(tmp_path / "extra", "beta", "4.0")
    times = {newer.name: "2024-01-01T00:00:00Z"}
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.delenv("PIP_CONFIG_FILE")
    with wheels.dated_index(tmp_path / "extra", times) as extra:
        Path("pip.conf").write_text(f"[global]\nindex-url = {dated_index}\nextra-index-url = {extra}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(Path.cwd() / "pip.conf"))
        environment = ensure(spec("beta"), log)
    assert run(environment, "import beta; print(beta.__version__)") == "4.0"
    assert extra not in environment.lock.text
