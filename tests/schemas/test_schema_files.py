"""The shipped schemas are valid, and say the same as the loader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import reprise.schemas
from reprise.schemas.environment import CondaEnv, DockerEnv, PythonEnv
from reprise.schemas.environment_files import read_conda_env, read_python_env
from reprise.schemas.faults import Findings
from reprise.schemas.loader import load_project
from reprise.schemas.parameters import TYPES

FOLDER = Path(reprise.schemas.__file__).parent
NAMES = ["mlproject", "python_env", "conda_env"]


def schema(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.schema.json").read_text())


def properties(node: Any) -> Iterator[tuple[str, Any]]:
    """Every property that a schema documents."""
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for value in node.values():
            yield from properties(value)
    elif isinstance(node, list):
        for value in node:
            yield from properties(value)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_valid_schema_of_our_own_name(name: str) -> None:
    content = schema(name)
    Draft202012Validator.check_schema(content)
    assert content["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert content["$id"] == f"urn:reprise:schema:{name}:1"


@pytest.mark.parametrize("name", NAMES)
def test_an_editor_finds_a_description_at_every_key(name: str) -> None:
    content = schema(name)
    for key, value in properties(content):
        target = content["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
        assert (value | {k: v for k, v in target.items() if k not in value}).get("description"), key


@pytest.mark.parametrize("name", NAMES)
def test_every_constraint_has_the_words_of_its_sentence(name: str) -> None:
    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            if ("type" in node or "enum" in node) and isinstance(node.get("type", ""), str | list):
                yield node
            for key, value in node.items():
                if key not in ("if", "not", "allOf", "properties"):
                    yield from walk(value)
            for value in node.get("properties", {}).values():
                yield from walk(value)

    assert [node for node in walk(schema(name)) if "x-is" not in node] == []


def test_the_words_for_types_are_those_of_the_loader() -> None:
    assert set(schema("mlproject")["$defs"]["type"]["enum"]) == set(TYPES)


def test_every_key_of_a_parameter_and_of_a_project_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_text(
        "name: all\n"
        "docker_env:\n"
        "  image: an/image:1\n"
        "  volumes: ['${PWD}/data:/data']\n"
        "  environment: [HOME, [STAGE, test], [N, 010]]\n"
        "entry_points:\n"
        "  main:\n"
        "    command: x {a} {b}\n"
        "    parameters:\n"
        "      a: {type: float, default: 0.5, description: text, enum: [0.5, 1], minimum: 1e-5,\n"
        "          maximum: 1, required: false, secret: true}\n"
        "      b: {pattern: '^b+$'}\n"
    )
    project = load_project(tmp_path)
    assert project.warnings == ()
    assert project.environment == DockerEnv(
        tmp_path, "an/image:1", ("${PWD}/data:/data",), ("HOME", ("STAGE", "test"), ("N", "010"))
    )
    used = {
        "name",
        "docker_env",
        "image",
        "volumes",
        "environment",
        "entry_points",
        "command",
        "parameters",
    }
    used |= {
        "type",
        "default",
        "description",
        "enum",
        "minimum",
        "maximum",
        "required",
        "secret",
        "pattern",
    }
    documented = {key for key, _ in properties(schema("mlproject"))}
    assert documented - used == {"python_env", "conda_env", "databricks_spark_job"}


def test_every_key_of_an_environment_file_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "python_env.yaml"
    path.write_text("python: 3.10\nbuild_dependencies: [pip]\ndependencies: [numpy]\n")
    findings = Findings(path.name)
    assert read_python_env(path, tmp_path, findings) == PythonEnv(
        tmp_path, path, "3.10", ("pip",), ("numpy",)
    )
    assert {key for key, _ in properties(schema("python_env"))} == {
        "python",
        "build_dependencies",
        "dependencies",
    }

    path = tmp_path / "conda.yaml"
    path.write_text(
        "name: x\nchannels: [c]\ndependencies: [a, {pip: [b]}]\nprefix: /x\nvariables: {A: b}\n"
    )
    assert read_conda_env(path, tmp_path, findings) == CondaEnv(
        tmp_path, path, "x", ("c",), ("a",), ("b",), (("A", "b"),)
    )
    assert findings.faults == []
    assert {key for key, _ in properties(schema("conda_env"))} == {
        "name",
        "channels",
        "dependencies",
        "pip",
        "prefix",
        "variables",
    }
