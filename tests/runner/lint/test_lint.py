"""``reprise check --strict``: what it finds, where, and what silences it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from reprise.runner.lint import names
from reprise.runner.lint.findings import NAMES
from tests.conftest import REPOSITORY, ProjectFolder
from tests.envs import wheels

Write = Callable[[Mapping[str, str]], ProjectFolder]

COMMAND = "entry_points:\n  main:\n    command: python train.py\n"
PINNED = "python: '3.11'\ndependencies:\n  - numpy==2.1.0\n  - scikit-learn==1.5.2\n  - torch==2.5.0\n"


def git(folder: Path, *arguments: str) -> str:
    argv = ["git", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def found(project: ProjectFolder, *more: str) -> list[dict[str, Any]]:
    """The findings, whose exit code is right."""
    result = project.reprise("check", str(project.path), "--strict", "--json", *more)
    told = json.loads(result.out)
    assert result.exit_code == (2 if told["findings"] or told["faults"] else 0), result.err
    listed: list[dict[str, Any]] = told["findings"]
    assert all(item["reason"] and item["fix"] for item in listed)
    return listed


def places(project: ProjectFolder) -> list[tuple[str, str]]:
    """Name and file:line of each finding."""
    return [(item["name"], f"{item['file']}:{item['line']}") for item in found(project)]


def python(project: Write, code: str, more: str = "") -> ProjectFolder:
    return project(
        {
            "MLproject": f"python_env: python_env.yaml\n{COMMAND}{more}",
            "python_env.yaml": PINNED,
            "train.py": code,
        }
    )


def test_a_project_that_can_be_performed_again_has_no_findings(project: Write) -> None:
    code = "import argparse, random\nimport numpy as np\nrandom.seed(1)\nprint(random.random())\n"
    good = python(project, f"{code}rng = np.random.default_rng(3)\nopen('/tmp/x', 'w')\n")
    result = good.reprise("check", "--strict", str(good.path))
    assert (result.exit_code, result.out) == (0, "")


def test_without_strict_there_are_none(project: Write) -> None:
    bad = project({"MLproject": COMMAND, "train.py": "import numpy\nopen('/home/me/x.csv')\n"})
    result = bad.reprise("check", str(bad.path), "--json")
    assert (result.exit_code, json.loads(result.out)) == (0, {"faults": [], "warnings": []})


def test_people_are_told_the_place_the_reason_and_the_fix(project: Write) -> None:
    bad = python(project, "\nopen('/home/me/x.csv')\n")
    result = bad.reprise("check", "--strict", str(bad.path))
    assert result.exit_code == 2
    head, why, fix = result.out.splitlines()
    assert head == 'absolute-path: train.py:2 "/home/me/x.csv" is an absolute path'
    assert (why.startswith("  why: "), fix.startswith("  fix: ")) == (True, True)


UNPINNED = [
    ("numpy", True),
    ("numpy>=1.26", True),
    ("numpy==1.*", True),
    ("numpy==1.26.4", False),
    ("numpy[extra] == 1.26.4 ; python_version > '3'", False),
    ("numpy @ git+https://example.org/numpy.git@main", True),
    (f"numpy @ git+https://example.org/numpy.git@{'a' * 40}", False),
    ("git+https://example.org/numpy.git", True),
    ("https://example.org/numpy-1.0-py3-none-any.whl", False),
    ("pip", False),
]


@pytest.mark.parametrize(("line", "is_found"), UNPINNED)
def test_a_requirement_that_is_not_exact(project: Write, line: str, is_found: bool) -> None:
    files = {"MLproject": COMMAND, "requirements.txt": f"# numpy\n\n{line}\n", "train.py": "import numpy\n"}
    if line == "pip":
        files["train.py"] = ""
    expected = [("unpinned-dependency", "requirements.txt:3")] if is_found else []
    assert places(project(files)) == expected


def test_what_a_file_includes_and_what_constraints_hold(project: Write) -> None:
    included = project(
        {
            "MLproject": f"python_env: python_env.yaml\n{COMMAND}",
            "python_env.yaml": "python: '>=3.9'\ndependencies:\n  - -r more/base.txt\n",
            "more/base.txt": "-c held.txt\nnumpy>=1\npandas>=2\n",
            "more/held.txt": "numpy==2.1.0\nscipy>=1\n",
            "train.py": "import numpy, pandas\n",
        }
    )
    assert places(included) == [
        ("unpinned-dependency", "more/base.txt:3"),
        ("unpinned-dependency", "python_env.yaml:1"),
    ]


CONDA = [
    ("numpy=1.26.4", False),
    ("numpy==1.26.4", False),
    ("conda-forge::numpy=1.26.4=py312h_0", False),
    ("numpy=1.26", True),
    ("numpy>=1.26", True),
    ("numpy", True),
    ("python=3.11", False),
    ("python>=3.11", True),
]


@pytest.mark.parametrize(("spec", "is_found"), CONDA)
def test_a_conda_package_that_is_not_exact(project: Write, spec: str, is_found: bool) -> None:
    text = f"channels: [conda-forge]\ndependencies:\n  - {spec}\n  - pip\n  - pip:\n    - six==1.16.0\n"
    files = {
        "MLproject": f"conda_env: conda.yaml\n{COMMAND}",
        "conda.yaml": text,
        "train.py": "import six\n",
    }
    expected = [("unpinned-dependency", "conda.yaml:3")] if is_found else []
    assert places(project(files)) == expected


def test_a_lock_file_pins_everything_and_declares_what_it_holds(project: Write) -> None:
    files = {
        "MLproject": COMMAND,
        "requirements.txt": "scikit-learn\n",
        "train.py": "import sklearn, numpy\n",
    }
    assert [name for name, _ in places(project(files))] == ["unpinned-dependency", "undeclared-import"]
    lock = {"requirements.lock": "scikit-learn==1.5.2\nnumpy==2.1.0\n"}
    assert places(project(files | lock)) == []


def test_images(project: Write) -> None:
    docker = "docker_env:\n  image: {}\n  volumes: ['/srv/data:/data']\n"
    files = {
        "MLproject": docker.format("python:3.12") + COMMAND,
        "train.py": "import numpy\nopen('/data/in/x.csv')\n",  # what the image holds is its own affair
        "Dockerfile": f"FROM a@sha256:{'0' * 64} AS base\nFROM base\nFROM scratch\nFROM python\n",
    }
    assert places(project(files)) == [
        ("floating-image", "Dockerfile:4"),
        ("floating-image", "MLproject:2"),
        ("outside-data", "MLproject:3"),
    ]
    exact = {"MLproject": docker.format(f"python@sha256:{'1' * 64}") + COMMAND, "Dockerfile": ""}
    assert places(project(files | exact)) == [("outside-data", "MLproject:3")]


PATHS = [
    ("open('/home/me/train.csv')", True),
    ("open('/data')", True),
    ("open(f'/mnt/{name}/x')", True),
    ("open('~/data.csv')", True),
    (r"open('C:\\Users\\me\\x.csv')", True),
    ("open('/some/where/x.csv')", True),
    ("open('/tmp/x.csv')", False),
    ("open('/dev/null')", False),
    ("open('/proc/meminfo')", False),
    ("open('data/x.csv')", False),
    ("@app.get('/data/items')\ndef items(): ...", False),
    ("open(root + '/data/x.csv')", False),
    ("open(f'{root}/data/x.csv')", False),
    ("get('https://example.org/data/x.csv')", False),
    ("'''/home/me/x.csv'''", False),
    ("text.startswith('/home/me')", False),
    ("print('/')", False),
    ("print('/ and / or')", False),
]


@pytest.mark.parametrize(("code", "is_found"), PATHS)
def test_absolute_paths_in_code(project: Write, code: str, is_found: bool) -> None:
    expected = [("absolute-path", "train.py:2")] if is_found else []
    assert places(python(project, f"root = name = text = app = get = None\n{code}\n")) == expected


def test_absolute_paths_in_commands(project: Write) -> None:
    text = (
        "entry_points:\n  main:\n    command: >-\n      python train.py {x} --out=/home/me/out\n"
        "      --quiet > /dev/null\n    parameters: {x: int}\n"
        "  other:\n    command: /usr/bin/python3 train.py\n"
    )
    bad = project({"MLproject": text, "train.py": ""})
    assert places(bad) == [("absolute-path", "MLproject:4"), ("absolute-path", "MLproject:8")]


IMPORTS = [
    ("import pandas", "pandas"),
    ("import pandas.api.types as t", "pandas"),
    ("from PIL import Image", "pillow"),
    ("import cv2", "opencv-python"),
    ("import numpy, yaml", "pyyaml"),
    ("import sklearn.metrics", None),
    ("import os, tomllib, xml.etree", None),
    ("import beside, package.inner", None),
    ("from . import beside", None),
    ("try:\n    import pandas\nexcept ImportError:\n    pandas = None", None),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas", None),
    ("def late():\n    import pandas", "pandas"),
]


@pytest.mark.parametrize(("code", "package"), IMPORTS)
def test_imports_that_no_dependency_declares(project: Write, code: str, package: str | None) -> None:
    project({"beside.py": "", "package/inner.py": ""})
    told = found(python(project, code))
    assert [item["name"] for item in told] == (["undeclared-import"] if package else [])
    assert all(f"add {package} to the dependencies in python_env.yaml" in item["fix"] for item in told)


def test_an_environment_that_the_project_used_tells_whose_a_module_is(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    wheels.make(index, "brought-along", files={"alongside.py": ""})
    wheels.make(index, "odd-name", requires=["brought-along"], files={"strange.py": ""})
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    files = {"MLproject": COMMAND, "requirements.txt": "odd-name==1.0\n"}
    made = project(files | {"train.py": "import strange\nimport alongside\n"})
    assert [item["line"] for item in found(made)] == [1, 2]  # nothing tells yet
    assert made.reprise("run", str(made.path)).exit_code == 0
    told = found(made)
    assert [(item["name"], item["line"]) for item in told] == [("undeclared-import", 2)]
    assert "of brought-along, which no dependency declares; it is only installed" in told[0]["what"]


def test_tests_and_projects_inside_are_not_the_projects_code(project: Write) -> None:
    bad = "import pandas\nopen('/home/me/x')\n"
    others = {"tests/test_a.py": bad, "test_b.py": bad, "inner/MLproject": COMMAND, "inner/train.py": bad}
    project(others | {".venv/lib/x.py": bad, "setup.py": bad})
    assert places(python(project, "")) == []


def test_a_file_that_is_no_python_stops_nobody(project: Write) -> None:
    assert places(python(project, "print 'old'\n")) == []


SEEDS = [
    ("import random\nrandom.random()", True),
    ("import random as r\nr.shuffle([])", True),
    ("from random import choice\nchoice('ab')", True),
    ("import random\nrandom.seed(1)\nrandom.random()", False),
    ("import random\nrandom.seed()\nrandom.random()", True),
    ("import random\nrandom.Random(4).random()", False),
    ("import random\nrandom.Random().random()", True),
    ("import numpy as np\nnp.random.rand(3)", True),
    ("import numpy as np\nnp.random.seed(3)\nnp.random.rand(3)", False),
    ("import random\nimport numpy as np\nrandom.seed(3)\nnp.random.rand(3)", True),
    ("from numpy.random import default_rng\ndefault_rng(3)", False),
    ("from numpy.random import default_rng\ndefault_rng()", True),
    ("from sklearn.model_selection import train_test_split\ntrain_test_split([])", True),
    ("from sklearn.model_selection import train_test_split\ntrain_test_split([], random_state=1)", False),
    ("from sklearn.model_selection import train_test_split\ntrain_test_split([], random_state=None)", True),
    ("from sklearn.linear_model import LogisticRegression\nLogisticRegression()", False),
    ("from sklearn.model_selection import KFold\nKFold(5)", False),
    ("from sklearn.model_selection import KFold\nKFold(5, shuffle=True)", True),
    ("import torch\ntorch.nn.Linear(2, 2)", True),
    ("import torch\ntorch.manual_seed(1)\ntorch.nn.Linear(2, 2)", False),
    ("import torch\ntorch.zeros(3)", False),
    ("import beside\nimport numpy as np\nbeside.seed_everything(1)\nnp.random.rand(3)", False),
    ("import beside\nbeside.draw()", True),
    ("print('random.random()')", False),
]


@pytest.mark.parametrize(("code", "is_found"), SEEDS)
def test_random_numbers_that_nothing_seeds(project: Write, code: str, is_found: bool) -> None:
    beside = (
        "import random\ndef draw(): return random.random()\n"
        if "draw" in code
        else "def seed_everything(n): ..."
    )
    project({"beside.py": beside, "unused.py": "import random\nrandom.random()\n"})
    assert [item["name"] for item in found(python(project, code))] == (["no-seed"] if is_found else [])


def test_the_fix_of_a_missing_seed_fits_the_entry_point(project: Write) -> None:
    code = "import random\nrandom.random()\n"
    told = found(python(project, code))[0]
    assert "main has no seed parameter" in told["what"]
    assert "declare a parameter seed" in told["fix"]
    told = found(python(project, code, "    parameters: {seed: {type: int, default: 1}}\n"))[0]
    assert told["fix"] == "call random.seed(seed) first, with the value of the parameter seed"


def test_a_file_is_looked_through_once_for_all_entry_points(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Mock(side_effect=names.find_calls)
    monkeypatch.setattr(names, "find_calls", calls)
    entry_points = "".join(f"  e{number}:\n    command: python train.py\n" for number in range(9))
    many = project(
        {
            "MLproject": f"entry_points:\n{entry_points}",
            "train.py": "import model\nimport random\nrandom.random()\n",
            "model.py": "import train\n",
        }
    )
    assert [name for name, _ in places(many) if name == "no-seed"] == ["no-seed"]
    assert calls.call_count == 2


def test_defaults_that_lead_out_of_the_project(project: Write) -> None:
    text = (
        "entry_points:\n  main:\n    parameters:\n"
        "      a: {type: path, default: ../x.csv}\n      b: {type: path, default: in/../x.csv}\n"
        "      c: {type: uri, default: 'https://example.org/x'}\n      d: {type: path, default: /mnt/x}\n"
        "      e: {default: /home/me/x.csv}\n      f: {type: path, default: '~/x'}\n"
        "      g: {default: 'and/or'}\n    command: cat {a} {b} {c} {d} {e} {f} {g}\n"
    )
    lines = [4, 7, 8, 9]
    assert places(project({"MLproject": text})) == [("outside-data", f"MLproject:{line}") for line in lines]


def test_a_comment_silences_a_kind_on_its_line(project: Write) -> None:
    code = (
        "import pandas  # reprise: ignore[undeclared-import]\n"
        "open('/home/me/x')  # reprise: ignore[no-seed]\n"
        "open('/home/me/y')  # local only.  reprise: nothing\n"
        "import yaml; open('/home/me/z')  # reprise: ignore[undeclared-import, absolute-path]\n"
        "print('''\n''', '/home/me/z')  # reprise: ignore[absolute-path]\n"
    )
    assert places(python(project, code)) == [
        ("absolute-path", "train.py:2"),
        ("absolute-path", "train.py:3"),
    ]


@pytest.fixture
def committed(project: Write, tmp_path: Path) -> ProjectFolder:
    """A project whose commit is on its remote."""
    made = project({"MLproject": COMMAND, "train.py": ""})
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(made.path, "init", "-q", "-b", "main")
    git(made.path, "add", ".")
    git(made.path, "commit", "-q", "-m", "first")
    git(made.path, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(made.path, "push", "-q", "-u", "origin", "main")
    return made


def test_a_clean_commit_that_was_pushed(committed: ProjectFolder) -> None:
    assert found(committed) == []


def test_a_dirty_tree(committed: ProjectFolder) -> None:
    (committed.path / "new.py").write_text("")
    told = found(committed)
    assert [(item["name"], item["file"], item["line"]) for item in told] == [
        ("dirty-tree", "MLproject", None)
    ]
    assert "new.py" in told[0]["what"]
    (committed.path / "MLproject").write_text(f"# reprise: ignore[dirty-tree]\n{COMMAND}")
    assert found(committed) == []


def test_a_dirty_tree_names_both_ends_of_a_renamed_file(committed: ProjectFolder) -> None:
    git(committed.path, "mv", "train.py", "fit.py")
    (what,) = (item["what"] for item in found(committed) if item["name"] == "dirty-tree")
    assert what == "uncommitted changes: fit.py, train.py"


def test_a_commit_that_was_not_pushed(committed: ProjectFolder) -> None:
    git(committed.path, "commit", "-q", "--allow-empty", "-m", "second")
    assert [item["name"] for item in found(committed)] == ["unpushed-commit"]
    assert found(committed, "-v", "main") == []  # a copy of a commit is as that commit is
    git(committed.path, "push", "-q")
    assert found(committed) == []


def test_a_project_that_was_never_committed(project: Write) -> None:
    made = project({"MLproject": COMMAND, "train.py": ""})
    git(made.path, "init", "-q")
    assert [item["name"] for item in found(made)] == ["dirty-tree", "unpushed-commit"]


def test_submodules(committed: ProjectFolder, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "theirs")
    git(tmp_path / "theirs", "commit", "-q", "--allow-empty", "-m", "theirs")
    git(committed.path, "submodule", "add", "-q", str(tmp_path / "theirs"), "sub")
    git(committed.path, "commit", "-q", "-m", "submodule")
    git(committed.path, "push", "-q")
    assert found(committed) == []
    git(committed.path / "sub", "commit", "-q", "--allow-empty", "-m", "only here")
    git(committed.path, "commit", "-q", "-a", "-m", "moved")
    git(committed.path, "push", "-q", "--recurse-submodules=no")
    told = found(committed)
    assert [(item["name"], item["file"], item["line"]) for item in told] == [
        ("submodule", ".gitmodules", 2)
    ]
    assert "is on no branch of its remote" in told[0]["what"]
    git(committed.path, "submodule", "deinit", "-q", "-f", "sub")
    assert ["is not initialised" in item["what"] for item in found(committed)] == [True]


def test_every_kind_is_in_the_reference() -> None:
    text = (REPOSITORY / "docs" / "reference" / "lint.md").read_text()
    assert {name for name in NAMES if f"`{name}`" not in text} == set()


def test_what_the_last_run_read_beside_what_is_declared(project: Write, tmp_path: Path) -> None:
    outside = tmp_path / "x.csv"
    outside.write_text("1\n")
    (given := tmp_path / "given").mkdir()
    (given / "a.csv").touch()
    code = "import sys\nfor path in ('data/t.csv', 'kept.csv', sys.argv[1]): open(path).read()\n"
    main = "    parameters: {data: path, more: string}\n    command: python train.py {more} {data}\n"
    demo = project(
        {
            "MLproject": f"entry_points:\n  main:\n{main}",
            "train.py": code,
            "data/t.csv": "1\n",
            "kept.csv": "1\n",
            ".gitignore": "data/\n",
        }
    )
    git(demo.path, "init", "--quiet")
    git(demo.path, "add", "--all")
    git(demo.path, "commit", "--quiet", "--message", "first")
    names = {"undeclared-read", "unread-input"}
    assert names.isdisjoint(item["name"] for item in found(demo))
    assert demo.run("-P", f"data={given}", "-P", f"more={outside}").exit_code == 0
    told = {(item["name"], item["what"]) for item in found(demo) if item["name"] in names}
    assert told == {
        (
            "undeclared-read",
            f"the last run read {outside}, which is outside of the project and not a parameter",
        ),
        ("undeclared-read", "the last run read data/t.csv, which is ignored by git and not a parameter"),
        (
            "unread-input",
            f"the last run had the input data ({given}), but did not read it as far as observed",
        ),
    }


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("print(open('data/t.csv').read())", 1),
        ("x = 1\nimport pandas as pd\npd.read_csv('data/t.csv')", 3),
        ("import settings", 1),
        ("from settings import X", 1),
        ("open('data/t.csv', 'w')", 0),
        ("open('data/t.csv', mode='a')", 0),
        ("print('data/t.csv')", 0),
        ("open('data/missing.csv')", 0),
        ("open('train.py')", 0),
    ],
)
def test_files_that_are_read_and_that_git_ignores(committed: ProjectFolder, code: str, line: int) -> None:
    (committed.path / "train.py").write_text(f"{code}\n")
    (committed.path / ".gitignore").write_text("data/\nsettings.py\n")
    (committed.path / "data").mkdir()
    (committed.path / "data" / "t.csv").write_text("1\n")
    (committed.path / "settings.py").write_text("X = 1\n")
    told = [item["line"] for item in found(committed) if item["name"] == "ignored-file"]
    assert told == ([line] if line else [])


def test_ignored_files_that_commands_and_defaults_name(committed: ProjectFolder) -> None:
    (committed.path / "MLproject").write_text(
        "entry_points:\n  main:\n    parameters:\n      d: {type: path, default: data}\n"
        "    command: python train.py --file=data/t.csv > data/out.csv\n"
    )
    (committed.path / ".gitignore").write_text("data/\n")
    (committed.path / "data").mkdir()
    for name in ("t.csv", "out.csv"):
        (committed.path / "data" / name).write_text("1\n")
    told = [(item["line"], item["what"]) for item in found(committed) if item["name"] == "ignored-file"]
    assert [line for line, _ in told] == [4, 5]
    assert "data/t.csv" in told[1][1]


def test_links_that_leave_the_project(committed: ProjectFolder, tmp_path: Path) -> None:
    (committed.path / "data").symlink_to(tmp_path)
    (committed.path / "inside").symlink_to("train.py")
    git(committed.path, "add", "data", "inside")
    told = [item["file"] for item in found(committed) if item["name"] == "outside-data"]
    assert told == ["data"]


def test_pointers_of_git_lfs(committed: ProjectFolder) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"
    (committed.path / "model.bin").write_text(pointer)
    (committed.path / ".gitattributes").write_text("*.bin filter=lfs\n")
    git(committed.path, "add", ".")
    git(committed.path, "commit", "-q", "-m", "lfs")
    assert "large-file" in [item["name"] for item in found(committed)]
