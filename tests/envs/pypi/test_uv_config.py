"""Which of uv's configuration files count, and metadata that is put right through one of them."""

from __future__ import annotations

import json
import logging
import subprocess
import tomllib
from pathlib import Path

import pytest

from reprise.envs.cache import store
from reprise.envs.pypi import uv_config
from reprise.envs.virtualenv import manager, mending
from reprise.schemas.environment import Lock, Policy, PythonEnv
from tests.envs import wheels

FOREIGN = '[project]\nname = "x"\nversion = "1"\n[tool.uv]\nrequired-version = "==0.0.1"\n'


def lock(root: Path, *dependencies: str, log: Path, **fields: str) -> Lock:
    return manager.lock(PythonEnv(root, root / "python_env.yaml", dependencies=dependencies), Policy(), log)


def pinned(lock: Lock) -> list[str]:
    lines = json.loads(lock.text)["requirements"]
    return [line.removesuffix(" \\") for line in lines if not line.startswith(" ")]


def test_a_pyproject_above_the_project_has_no_say(index: Path, log: Path) -> None:
    Path("pyproject.toml").write_text(FOREIGN)
    project = Path.cwd() / "a" / "b"
    project.mkdir(parents=True)
    assert pinned(lock(project, "alpha", log=log)) == ["alpha==1.0", "beta==2.0"]
    (project / "pyproject.toml").write_text("[tool.other]\n")
    assert pinned(lock(project, "beta", log=log)) == ["beta==2.0"]


def test_the_project_s_own_settings_count(index: Path, log: Path) -> None:
    wheels.make(index, "beta", "1.0")
    Path("uv.toml").write_text('constraint-dependencies = ["beta<2"]\n')
    assert pinned(lock(Path.cwd(), "alpha", log=log)) == ["alpha==1.0", "beta==1.0"]
    Path("uv.toml").unlink()
    Path("pyproject.toml").write_text('[tool.uv]\nconstraint-dependencies = ["beta<2"]\n')
    assert pinned(lock(Path.cwd(), "alpha", log=log)) == ["alpha==1.0", "beta==1.0"]


def test_settings_of_the_user_count_and_decide_the_resolution(index: Path, log: Path, house: Path) -> None:
    wheels.make(index, "beta", "1.0")
    file = house / ".config" / "uv" / "uv.toml"
    file.parent.mkdir(parents=True)
    file.write_text('constraint-dependencies = ["beta<2"]\n')
    assert pinned(lock(Path.cwd(), "alpha", log=log)) == ["alpha==1.0", "beta==1.0"]
    file.unlink()
    assert pinned(lock(Path.cwd(), "alpha", log=log)) == ["alpha==1.0", "beta==2.0"]


def test_files_are_joined_as_uv_joins_them(house: Path) -> None:
    environ = {"HOME": str(house), "XDG_CONFIG_DIRS": str(house / "system")}
    for folder, text in {
        house / ".config": '[[index]]\nname = "a"\nurl = "./a"\n[pip]\nno-binary = ["x"]\n',
        house / "system": 'offline = true\n[[index]]\nname = "b"\nurl = "https://b/simple"\n',
    }.items():
        (folder / "uv").mkdir(parents=True)
        (folder / "uv" / "uv.toml").write_text(text)
    with uv_config.in_force(None, environ, {"offline": False}) as variables:
        content = tomllib.loads(Path(variables["UV_CONFIG_FILE"] or "").read_text())
    assert content["offline"] is False
    assert [index["url"] for index in content["index"]] == [
        str(house / ".config" / "uv" / "a"),
        "https://b/simple",
    ]
    assert content["pip"] == {"no-binary": ["x"]}
    assert not Path(variables["UV_CONFIG_FILE"] or "").exists()


def test_a_member_of_a_workspace_has_the_settings_of_its_root(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.uv.workspace]\nmembers = ['packages/*']\n")
    for name in ("packages/a", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "pyproject.toml").write_text("[project]\nname = 'a'\n")
    with uv_config.in_force(tmp_path / "packages" / "a", {"HOME": str(tmp_path)}) as variables:
        assert variables == {}
    with uv_config.in_force(tmp_path / "other", {"HOME": str(tmp_path)}) as variables:
        assert variables == {"UV_NO_CONFIG": "1"}


def test_metadata_of_before_there_were_rules_is_read_as_it_was_meant(
    index: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    wheels.make(index, "ancient", "0.22.0", requires=["beta (>=2011k)", "alpha (>=1.0)"])
    wheels.make(index, "beta", "2026.1")
    found = lock(Path.cwd(), "ancient==0.22.0", log=log)
    assert pinned(found) == ["alpha==1.0", "ancient==0.22.0", "beta==2026.1"]
    note = 'the metadata of ancient 0.22.0 is read as intended: "beta (>=2011k)" as "beta>=2011"'
    assert note in found.notes
    assert note in caplog.text
    asked = PythonEnv(Path.cwd(), Path.cwd() / "python_env.yaml", dependencies=("ancient==0.22.0",))
    environment = store.ensure_environment(manager, asked, Policy(), log)
    python = environment.prefix / "bin" / "python"
    shown = subprocess.run(
        [python, "-c", "import ancient; print(ancient.__version__)"], capture_output=True
    )
    assert shown.stdout == b"0.22.0\n"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("pytz (>=2011k)", "pytz>=2011"),
        ("x (<1.0-odd,>=0.9)", "x>=0.9"),
        ("x[a] (>=1.0b_odd) ; python_version < '3'", "x[a]>=1.0 ; python_version < '3'"),
        ("x (==2003k)", "x"),
        ("x (~=2003k)", "x>=2003"),
        ("x>=1.0", "x>=1.0"),
    ],
)
def test_clauses_that_cannot_be_read(written: str, read: str) -> None:
    assert mending._make_readable(written) == read
