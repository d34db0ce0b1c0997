"""Whatever the file holds: a project, or a sentence with its place. Never another exception."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from reprise.errors import ProjectError
from reprise.schemas.loader import load_project
from reprise.schemas.parameters import TYPES

WILD = Path(__file__).resolve().parents[3] / "shared" / "mlprojects"
FAULT = re.compile(r"MLproject:[1-9]\d*:[1-9]\d*  \S.*")

SEED = """\
name: seed
python_env: p.yaml
common: &common {seed: {type: int, default: 010}}
entry_points:
  main:
    parameters:
      <<: *common
      alpha: {type: float, default: 0.5, minimum: 0, maximum: 1e0, enum: [0.5, 1]}
      words: {type: 'list[str]', default: [a, "b"], required: no}
      key: {secret: true, pattern: "^[a-z]+$"}
      short: path
    command: |
      python train.py {alpha} {words} \\
        {seed} "{{x}}" $HOME
  etl: {command: "x > y"}
docker_env:
  image: a
  volumes: ["${PWD}/d:/d"]
  environment: [A, [B, c]]
"""
PIECES = [
    *"{}[]:-&*!|>'\"#%@`,?~\\\t\0\x85é🙂",
    *(
        "<<",
        "null",
        "{{",
        "}}",
        "${",
        "- ",
        "? ",
        "[[",
        "]]",
        "---\n",
        "...\n",
        "\n",
        "\n ",
        "\r",
        "\ufeff",
    ),
    *("!!str ", "!!binary ", "!x ", "*common", "&common ", "key: ", "main:", "{x}", "{}", "{a.b}", "{a!r}"),
    *("1e999", ".inf", ".nan", "0x1f", "-0", "9" * 5000),
]


def verdict(root: Path, content: bytes) -> str:
    """``project``, or the message of the refusal, whose lines all have their place."""
    (root / "MLproject").write_bytes(content)
    try:
        project = load_project(root, check_environment_files=False)
    except ProjectError as error:
        assert error.faults and all(FAULT.fullmatch(line) for line in error.faults), error.faults
        assert "Traceback" not in error.message
        return error.message
    for point in project.entry_points.values():
        assert point.command
        assert {parameter.type for parameter in point.parameters.values()} <= set(TYPES.values())
    assert all(FAULT.fullmatch(line) for line in project.warnings), project.warnings
    return "project"


def mutated(source: str, chance: random.Random) -> str:
    """``source`` with a few pieces put in, taken out, moved, or cut off."""
    for _ in range(chance.randint(1, 4)):
        lines = source.split("\n")
        at, end = sorted((chance.randrange(len(source) + 1), chance.randrange(len(source) + 1)))
        match chance.randrange(6):
            case 0:
                source = source[:at] + chance.choice(PIECES) + source[at:]
            case 1:
                source = source[:at] + source[min(end, at + 8) :]
            case 2:
                source = source[:at]
            case 3:
                chance.shuffle(lines)
                source = "\n".join(lines)
            case 4:
                line = chance.randrange(len(lines))
                lines[line] = " " * chance.randrange(6) + lines[line].lstrip()
                source = "\n".join(lines)
            case _:
                source = source[:at] + source[at:end] + source[at:]
    return source


def test_the_seed_of_the_mutations_is_a_project_but_for_its_two_environments(tmp_path: Path) -> None:
    assert verdict(tmp_path, SEED.encode()) == (
        "MLproject has a fault\n"
        '  MLproject:16:1  "docker_env" beside "python_env"; a project has one environment'
    )


@pytest.mark.parametrize("seed", range(12))
def test_mutated_documents(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        verdict(tmp_path, mutated(SEED, chance).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("seed", range(4))
def test_mutated_bytes(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        content = bytearray(SEED.encode())
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        verdict(tmp_path, bytes(content))


REAL = sorted(path for path in WILD.iterdir() if path.name != "README.md") if WILD.is_dir() else []


@pytest.mark.parametrize("path", REAL or [None], ids=lambda path: path.name[:40] if path else "none here")
def test_a_real_file(tmp_path: Path, path: Path | None) -> None:
    if path is not None:  # the collection lies beside some checkouts only
        verdict(tmp_path, path.read_bytes())


def test_of_the_real_files_only_the_broken_ones_are_refused(tmp_path: Path) -> None:
    refusals = {message for path in REAL if (message := verdict(tmp_path, path.read_bytes())) != "project"}
    assert not REAL or refusals == {
        "MLproject has a fault\n  MLproject:1:1  the file is empty; a mapping with entry_points is needed",
        "MLproject has a fault\n"
        "  MLproject:7:8  name: {{ ... }} is a template (cookiecutter, Jinja) that was not rendered",
        "MLproject has a fault\n"
        '  MLproject:4:5  docker_env: "mlflow_app" is not a mapping with an image; '
        'write "image: NAME" below "docker_env:"',
    }
