"""The documents know every option, key, error, variable and tag, and promise nothing that is not there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from reprise import errors
from reprise.backends.registry import BACKENDS, list_config_keys
from reprise.cli.verbs import cli
from reprise.envs import registry as envs
from reprise.schemas import tags
from tests.conftest import REPOSITORY

REFERENCE = REPOSITORY / "docs" / "reference"
CODE_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
HEADING = re.compile(r"^#+ ", re.MULTILINE)


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    return [REPOSITORY / name for name in listed.stdout.splitlines()]


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below ``group`` with the words that call it; groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def sections(path: Path) -> dict[str, str]:
    """Heading to the text below it, up to the next heading of any level."""
    parts = (part.partition("\n") for part in HEADING.split(path.read_text()))
    return {heading.strip(): text for heading, _, text in parts}


ALL_COMMANDS = {" ".join(("reprise", *path)): command for path, command in [((), cli), *commands(cli)]}


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_the_reference_has_every_option(name: str) -> None:
    known = sections(REFERENCE / "cli.md")
    words = name.split()
    above = [" ".join(words[:end]) for end in range(2, len(words) + 1)] or ["Command line"]
    text = "\n".join(known.get(heading, "") for heading in above)
    assert isinstance(ALL_COMMANDS[name], click.Group) or name in known
    for parameter in ALL_COMMANDS[name].params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"`{option}" in text or f"[{option}" in text, f"{name} {option} is not in cli.md"


def test_the_reference_has_every_word_of_the_options() -> None:
    text = sections(REFERENCE / "cli.md")["reprise run"]
    words = {
        *envs.list_words(),
        *BACKENDS,
        *(key for backend in BACKENDS.values() for key in list_config_keys(backend)),
    }
    assert {word for word in words if f"`{word}`" not in text} == set()


@pytest.mark.mlflow
def test_the_project_of_the_tutorial_runs(house: Path) -> None:
    text = (REPOSITORY / "docs" / "tutorial.md").read_text()
    files = dict(re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    assert set(files) == {"MLproject", "python_env.yaml", "train.py"}
    for name, content in files.items():
        Path(name).write_text(content)
    command = [sys.executable, "-m", "reprise"]
    subprocess.run([*command, "check"], check=True)
    subprocess.run([*command, "run", ".", "-P", "epochs=4", "--env-manager=local"], check=True)
    shown = subprocess.run([*command, "runs", "show", "@last", "--json"], check=True, capture_output=True)
    run = json.loads(shown.stdout)
    assert run["status"] == "FINISHED"
    assert run["metrics"]["loss"]["value"] == 0.25


def schema_words(node: Any) -> Iterator[str]:
    """Property names and allowed words, wherever they are in a schema."""
    if not isinstance(node, dict):
        return
    properties = node.get("properties", {})
    yield from properties
    yield from (word for word in node.get("enum", ()) if isinstance(word, str))
    nested = [*properties.values(), *node.get("$defs", {}).values()]
    for value in [*nested, node.get("items"), node.get("additionalProperties")]:
        yield from schema_words(value)


@pytest.mark.parametrize("schema", ["mlproject", "python_env", "conda_env"])
def test_the_reference_has_every_key_of_the_project_files(schema: str) -> None:
    content = json.loads((REPOSITORY / "reprise" / "schemas" / f"{schema}.schema.json").read_text())
    text = (REFERENCE / "mlproject.md").read_text()
    words = {word for word in schema_words(content) if not word.startswith("list[")}
    assert words
    assert {word for word in words if f"`{word}`" not in text} == set()


def test_the_reference_has_every_error_with_its_exit_code() -> None:
    text = (REFERENCE / "errors.md").read_text()
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.RepriseError)
    ]
    assert len(classes) > 5
    for error in classes:
        code = "the script's own, 1 to 125" if error is errors.RunFailed else error.exit_code
        assert f"| {code} | `{error.__name__}` |" in text
    for code in (errors.UNEXPECTED, errors.INTERRUPTED, errors.TERMINATED):
        assert f"| {code} |" in text


def test_the_reference_has_every_environment_variable() -> None:
    text = (REFERENCE / "environment-variables.md").read_text()
    named = {
        name
        for path in (REPOSITORY / "reprise").rglob("*.py")
        for name in re.findall(r"[\"'\[ ]((?:REPRISE|MLFLOW)_[A-Z_]*[A-Z])[\"'\],;]", path.read_text())
    }
    assert "REPRISE_CACHE_DIR" in named
    words_of_the_wire = {"MLFLOW_EXPERIMENT"}  # where a trace lies
    assert {name for name in named if f"`{name}`" not in text} - words_of_the_wire == set()


def test_the_reference_has_every_tag() -> None:
    text = (REFERENCE / "tags.md").read_text()
    named = {value for name, value in vars(tags).items() if name.isupper()}
    assert {name for name in named if f"| `{name}` |" not in text} == set()


def test_links_lead_somewhere() -> None:
    broken = [
        f"{document.relative_to(REPOSITORY)}: {target}"
        for document in documents()
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text())
        if "://" not in target and not (document.parent / target.partition("#")[0]).exists()
    ]
    assert broken == []


def typed_lines() -> Iterator[tuple[str, str]]:
    """(document, command line) for every line of a code block that a reader would type."""
    for document in documents():
        text = document.read_text()
        for block in [*CODE_BLOCK.findall(text), *INDENTED.findall(text)]:
            for line in block.splitlines():
                line = line.removeprefix("$ ")
                if line.startswith(("reprise ", "./dev ")):
                    yield document.name, line


def test_documents_show_commands_that_exist() -> None:
    found = list(typed_lines())
    assert len(found) > 30
    for document, line in found:
        words = shlex.split(re.sub(r"[\[\]|]|\.\.\.", " ", line), comments=True)
        if words[0] == "./dev":
            assert words[1] in {"run", "test", "check", "house", "lock", "upgrade"}, f"{document}: {line}"
            if words[1] != "run":
                continue
        _assert_known("reprise", words[1:], f"{document}: {line}")


def _assert_known(name: str, words: list[str], where: str) -> None:
    """Every option in ``words`` belongs to the command that stands before it."""
    for word in words:
        if f"{name} {word}" in ALL_COMMANDS:
            name = f"{name} {word}"
        elif (default := getattr(ALL_COMMANDS[name], "DEFAULT", None)) is not None:
            name = f"{name} {default}"
        if re.match(r"-{1,2}[A-Za-z]", word):
            option = word.partition("=")[0]
            options = {known for parameter in ALL_COMMANDS[name].params for known in parameter.opts}
            assert option in options | {"--help", "-h"}, f"{where}: {name} has no {option}"
    assert not isinstance(ALL_COMMANDS[name], click.Group) or "COMMAND" in words, (
        f"{where}: no such command"
    )
