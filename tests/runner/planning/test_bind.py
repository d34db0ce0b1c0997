"""From what was typed to the command: types, faults all at once, quoting in one place."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reprise.errors import UsageError
from reprise.runner.planning.bind import (
    MASK,
    Localise,
    bind_parameters,
    render_command,
)
from reprise.schemas.environment import PythonEnv
from reprise.schemas.job import Invocation, ParameterSource, RunRequest
from reprise.schemas.project import EntryPoint, Parameter, Project

NASTY = "a 'b' \"c\" $d ; e\nf `g` $(h) \\ * {i} é"


def bound(
    command: str,
    declared: list[Parameter],
    given: Mapping[str, str | None],
    localise: Localise = lambda text, folder: folder / text,
) -> Invocation:
    entry_point = EntryPoint("main", command, {item.name: item for item in declared})
    project = Project(Path("/project"), None, None, {"main": entry_point}, PythonEnv(Path("/project")))
    sources = dict.fromkeys(given, ParameterSource.COMMAND_LINE)
    request = RunRequest(".", Path("/caller"), parameters=given, sources=sources)
    return bind_parameters(project, entry_point, request, localise)


def said_by_bash(command: str) -> str:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout


def test_a_nasty_value_and_a_nasty_key_pass_bash_unchanged() -> None:
    invocation = bound("printf %s {x}", [Parameter("x")], {"x": NASTY})
    assert invocation.parameters[0].text == NASTY
    assert said_by_bash(invocation.command) == NASTY
    extra = bound("printf '%s|'", [], {"a b": NASTY})
    assert said_by_bash(extra.command) == f"--a b|{NASTY}|"


def test_text_stays_as_typed_and_defaults_as_written() -> None:
    invocation = bound(
        "python train.py -C {C} --rate {rate} --code {code}",
        [Parameter("C", "float"), Parameter("rate", "float", "0.00001"), Parameter("code", default="010")],
        {"C": "0.050"},
    )
    assert invocation.command == "python train.py -C 0.050 --rate 0.00001 --code 010"
    assert [(item.name, item.source) for item in invocation.parameters] == [
        ("C", ParameterSource.COMMAND_LINE),
        ("rate", ParameterSource.DEFAULT),
        ("code", ParameterSource.DEFAULT),
    ]


def test_undeclared_ones_follow_in_the_order_given() -> None:
    assert (
        bound("run {a}", [Parameter("a")], {"z": "1", "a": "2", "b": "x y"}).command
        == "run 2 --z 1 --b 'x y'"
    )


def test_an_optional_parameter_without_a_value_renders_to_nothing_and_an_empty_value_to_quotes() -> None:
    declared = [Parameter("a", required=False), Parameter("b")]
    invocation = bound("run {a} {b}", declared, {"b": ""})
    assert invocation.command == "run  ''"
    assert [item.name for item in invocation.parameters] == ["b"]


def test_doubled_braces_and_shell_syntax_stay() -> None:
    command = "echo ${{HOME}} $USER | cat && x={{}} {a}"
    assert bound(command, [Parameter("a")], {"a": "1"}).command == "echo ${HOME} $USER | cat && x={} 1"


def test_a_bool_alone_means_true() -> None:
    assert bound("run --flag {f}", [Parameter("f", "bool")], {"f": None}).command == "run --flag true"


def test_a_path_is_seen_from_the_caller_and_its_default_from_the_project() -> None:
    declared = [Parameter("given", "path"), Parameter("own", "path", "data.csv")]
    invocation = bound("run {given} {own}", declared, {"given": "my.csv"})
    assert invocation.command == "run /caller/my.csv /project/data.csv"
    assert [item.text for item in invocation.parameters] == ["my.csv", "data.csv"]


def test_secrets_are_masked_for_people_and_in_faults() -> None:
    declared = [Parameter("key", secret=True), Parameter("n", "int", secret=True)]
    invocation = bound("run {key} {n}", declared, {"key": "s3cret", "n": "4711"})
    entry_point = EntryPoint("main", "run {key} {n}", {item.name: item for item in declared})
    assert "s3cret" in invocation.command
    assert render_command(entry_point, invocation.parameters, mask_secrets=True) == f"run '{MASK}' '{MASK}'"
    with pytest.raises(UsageError) as caught:
        bound("run {key} {n}", declared, {"key": "k", "n": "hunter2"})
    assert "hunter2" not in caught.value.message


def test_all_faults_are_told_at_once_with_their_place_and_source() -> None:
    declared = [Parameter("C", "float"), Parameter("n", "int"), Parameter("needed")]
    with pytest.raises(UsageError) as caught:
        bound("run {C} {n} {needed}", declared, {"C": "abc", "n": None, "a\tb": "1", "flag": None})
    assert caught.value.message.splitlines() == [
        'entry_points -> main -> parameters -> C: "abc" is not a float (from -P)',
        "entry_points -> main -> parameters -> n: no value; write -P n=VALUE (from -P)",
        "entry_points -> main -> parameters -> needed: no value for this required parameter",
        "-P a\tb: Invalid param name: 'a\\tb' is not allowed. Names may only contain letters, "
        "digits, underscores, dashes, periods, spaces, colons and slashes",
        "-P flag: no value; write -P flag=VALUE (only a declared bool can go without one)",
    ]
    assert caught.value.hint == "reprise run . -e main --help shows its parameters"


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(UsageError, match="NUL"):
        bound("run {a}", [Parameter("a")], {"a": "x\0y"})


@pytest.mark.parametrize("name", ["a//b", "/x", "../x", ".", "a" * 251])
def test_a_name_that_no_store_records_is_refused_declared_or_not(name: str) -> None:
    for declared in ([], [Parameter(name)]):
        with pytest.raises(UsageError, match="name"):
            bound("run", declared, {name: "1"})


def test_a_single_fault_keeps_its_own_hint_and_a_default_names_its_parameter() -> None:
    with pytest.raises(UsageError) as caught:
        bound("run {a}", [Parameter("a", "path", "no.csv")], {}, localise=refusing)
    assert (
        caught.value.message
        == "entry_points -> main -> parameters -> a: no.csv is not there (from default)"
    )
    assert caught.value.hint == "look elsewhere"


def refusing(text: str, folder: Path) -> Path:
    raise UsageError(f"{text} is not there", hint="look elsewhere")


def test_a_value_that_cannot_be_quoted_where_it_stands_is_told_with_its_place() -> None:
    declared = [Parameter("n"), Parameter("key", secret=True)]
    assert bound("seq $(( {n} ))", declared[:1], {"n": "5"}).command == "seq $(( 5 ))"
    with pytest.raises(UsageError) as caught:
        bound("seq $(( {n} )) ${{A:-{key}}}", declared, {"n": "a[$(id)]", "key": "s3cret key"})
    assert caught.value.message.splitlines() == [
        "entry_points -> main -> parameters -> n: 'a[$(id)]' cannot be written where the command has it: "
        "it is in arithmetic (from -P)",
        f"entry_points -> main -> parameters -> key: {MASK} cannot be written where the command has it: "
        "it is in ${...} (from -P)",
    ]


def test_a_value_in_quotes_arrives_as_it_is() -> None:
    invocation = bound("printf '%s|' '{x}' \"{x}\"", [Parameter("x")], {"x": NASTY})
    assert said_by_bash(invocation.command) == f"{NASTY}|{NASTY}|"


@pytest.mark.mlflow
@pytest.mark.parametrize(
    "value", ["0.5", "a/b.csv", "two words", "it's", '{"a": [1, 2]}', "$HOME `id` \\", "é", ""]
)
def test_the_command_is_the_text_of_mlflow(value: str) -> None:
    """MLflow's own code as a witness, where placeholders are words or parts of words."""
    from mlflow.projects import _project_spec

    command = "A={x} python train.py --x={x} {x} data/{x} \\'{x}\\' $(echo {x}) <in >{x} && echo {x} | cat"
    witness: Any = _project_spec.EntryPoint
    theirs = witness("main", {"x": "string"}, command)
    expected = theirs.compute_command({"x": value, "more": value}, None)
    assert bound(command, [Parameter("x")], {"x": value, "more": value}).command == expected
