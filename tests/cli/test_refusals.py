"""Whatever cannot work gets its sentence and its exit code, and leaves no run behind."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import ProjectFolder

Write = Callable[[Mapping[str, str]], ProjectFolder]

GOOD = "entry_points: {main: {command: 'echo {a}', parameters: {a: {type: int, default: 1}}}}"

MLPROJECTS = [
    # (MLproject, what is said)
    ("", "the file is empty; a mapping with entry_points is needed"),
    ("just a text", "MLproject:1:1"),
    ("- a\n- b\n", "MLproject:1:1"),
    ("entry_points:\n  main: echo hi\n", "MLproject:2:9  entry_points -> main"),
    ("entry_points:\n  main: {parameters: {a: int}}\n", "command"),
    ("entry_points: 5\n", "MLproject:1:15"),
    ("entry_points: {main: {command: 5, parameters: 3}}\n", "parameters"),
    ("entry_points: {main: {command: x, parameters: {C: {type: flaot}}}}\n", 'did you mean "float"?'),
    (
        "entry_points: {main: {command: x, parameters: {C: {type: int, default: abc}}}}\n",
        '"abc" is not an int',
    ),
    ("entry_points: {main: {command: 'x {b}', parameters: {}}}\n", "{b}"),
    ("entry_points: {main: {command: 'echo ${HOME}'}}\n", "$HOME"),
    ("entry_points: {main: {command: 'echo {a.b}', parameters: {a: int}}}\n", "a.b"),
    ("entry_points: {main: {command: 'echo {'}}\n", "{"),
    ("python_env: no.yaml\n", "no.yaml"),
    ("conda_env: a.yaml\npython_env: b.yaml\n", "conda_env"),
    ("docker_env: my_image\n", "docker_env"),
    ("a: 1\na: 2\n", "twice"),
    ("a: [1, 2\n", "MLproject:"),
    ("a:\n\t- b\n", "tab"),
    ("a: !!python/object:os.system x\n", "tag"),
    ("a: &a [*a]\n", "inside its own anchor"),
    ("{{ cookiecutter.name }}: x\n", "template"),
    ("a: " + "[" * 2000 + "]" * 2000 + "\n", "deep"),
    ("x: " + "a" * (2 << 20) + "\n", "1 MiB"),
    ("databricks_spark_job: {python_file: x.py}\n", "databricks_spark_job"),
]


@pytest.mark.parametrize(("text", "said"), MLPROJECTS)
def test_a_malformed_mlproject(project: Write, text: str, said: str) -> None:
    bad = project({"MLproject": text})
    result = bad.reprise("run", str(bad.path))
    assert result.exit_code == 2, result.err
    first = next(line for line in result.err.splitlines() if not line.startswith("warning: "))
    assert first.startswith("error: ")
    assert said in result.err
    assert "Traceback" not in result.err
    assert bad.runs() == []


def test_bytes_that_are_not_utf_8(project: Write) -> None:
    bad = project({"MLproject": GOOD})
    (bad.path / "MLproject").write_bytes(b"name: caf\xe9\n")
    result = bad.run()
    assert (result.exit_code, "MLproject:1:10" in result.err) == (2, True), result.err
    assert bad.runs() == []


COMMAND_LINES = [
    (["-P", "a=x"], 2, 'entry_points -> main -> parameters -> a: "x" is not an int (from -P)'),
    (["-P", "a=1", "-P", "a=2"], 2, '-P "a" is given more than once'),
    (["-P", "=1"], 2, "has no name"),
    (["-P", "flag"], 2, "only a declared bool can go without one"),
    (["-P", "a"], 2, "no value; write -P a=VALUE"),
    (["-P", "b\nc=1"], 2, "is not allowed. Names may only contain letters"),
    (["-P", "a//b=1"], 2, "as a path it means"),
    (["-P", "/x=1"], 2, "as a path it means"),
    (["-A", "x=1", "-A", "x"], 2, '-A "x" is given more than once'),
    (["-e", "mian"], 2, 'did you mean "main"?'),
    (["-e", "../outside.py"], 2, "outside.py"),
    (["-e", "missing.py"], 2, "missing.py"),
    (["-e", "main.scala"], 2, "main.scala"),
    (["-v", "v1"], 2, "git"),
    (["-b", "slrum"], 2, 'there is no backend "slrum"'),
    (["-c", "{bad"], 2, "is not JSON"),
    (["-c", "missing.json"], 2, "missing.json"),
    (["-c", "[1]"], 2, "not a JSON object"),
    (["--env-manager", "pipenv"], 2, 'there is no environment manager "pipenv"'),
    (["--experiment-name", "a", "--experiment-id", "0"], 2, "both an experiment name and an experiment id"),
    (["--experiment-id", "987"], 2, "987"),
    (["--run-id", "0" * 32], 6, "0" * 32),
    (["--params-file", "missing.yaml"], 2, "missing.yaml"),
    (["--no-such-option"], 2, "--no-such-option"),
    (["--tracking-uri", "http://127.0.0.1:1"], 6, "127.0.0.1:1"),
    (["--tracking-uri", "gopher://x"], 6, "gopher"),
    (["--env-manager", "conda"], 4, "conda"),
]


@pytest.mark.filterwarnings("ignore")  # MLflow's own; an error there spoils the process
@pytest.mark.parametrize(("args", "code", "said"), COMMAND_LINES)
def test_a_malformed_command_line(project: Write, args: list[str], code: int, said: str) -> None:
    good = project({"MLproject": GOOD})
    (good.path.parent / "outside.py").write_text("print('outside')")
    result = good.run(*args)
    assert result.exit_code == code, result.err
    assert result.err.startswith(("error: ", "waiting for "))
    assert said in result.err
    assert "Traceback" not in result.err
    assert good.runs() == []


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["run"], 2, "Missing argument 'URI'"),
        (["rum", "."], 2, 'no such command "rum"'),
        (["run", "./nowhere"], 3, "nowhere"),
        (["run", ".#../.."], 3, ".."),
        (["run", "https://127.0.0.1:1/x.git"], 3, "127.0.0.1:1"),
        (["run", "-- -x"], 2, ""),
        (["run", "ext::sh -c touch% pwned"], 3, "ext::"),
        (["runs", "show", "@last"], 2, "there is no run"),
        (["runs", "show", "xyz"], 2, '"xyz" is not a run'),
        (["runs", "show", "abc"], 2, 'no run begins with "abc"'),
        (["runs", "logs", "0" * 32], 6, "0" * 32),
        (["runs", "list", "--filter", "metrics.a >"], 6, "metrics.a >"),
        (["runs", "list", "--experiment-name", "none"], 2, 'there is no experiment "none"'),
        (["check", "./nowhere"], 3, "nowhere"),
        (["server", "--host", "0.0.0.0"], 2, "open to other machines"),
    ],
)
def test_a_malformed_command(project: Write, args: list[str], code: int, said: str) -> None:
    good = project({"MLproject": GOOD})
    with EmbeddedStore(Path("mlruns")) as store:
        store.get_experiment("0")
    result = good.reprise(*args)
    assert (result.exit_code, "Traceback" in result.err) == (code, False), result.err
    assert result.err.startswith("error: ")
    assert said in result.err


@pytest.mark.parametrize("args", [["runs", "list"], ["runs", "show", "@last"], ["experiments", "list"]])
def test_looking_at_a_store_does_not_make_one(project: Write, args: list[str]) -> None:
    result = project({"MLproject": GOOD}).reprise(*args)
    assert (result.exit_code, "there is no store at" in result.err) == (2, True), result.err
    assert not Path("mlruns").exists()


def test_check_tells_every_fault_with_its_place_and_strict_tells_more(project: Write) -> None:
    bad = project(
        {
            "MLproject": "nmae: x\nentry_points:\n  main:\n    parameters:\n      C: {type: flaot}\n"
            "      D: {type: int, default: x}\n    command: 'x {C} {E}'\n"
        }
    )
    result = bad.reprise("check", str(bad.path))
    assert result.exit_code == 2
    assert [" ".join(line.split(" ")[:2]) for line in result.out.splitlines()] == [
        "fault: MLproject:5:17",
        "fault: MLproject:6:31",
        "fault: MLproject:7:14",
        "warning: MLproject:1:1",
    ]
    good = project({"MLproject": f"nmae: x\n{GOOD}"})
    assert good.reprise("check", str(good.path)).exit_code == 0
    assert good.reprise("check", "--strict", str(good.path)).exit_code == 2


def test_a_server_whose_port_is_taken_says_so(project: Write) -> None:
    good = project({"MLproject": GOOD})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = good.reprise("server", "-p", port)
    assert (result.exit_code, f"cannot listen on 127.0.0.1:{port}" in result.err) == (2, True), result.err


def test_a_server_tells_where_it_is_and_takes_a_token_with_dots(project: Write) -> None:
    project({"MLproject": GOOD})
    argv = [sys.executable, "-m", "reprise", "server", "-p", "0", "--token", "a.b.c"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[-1]
        request = urllib.request.Request(
            f"{address}/api/2.0/mlflow/experiments/get?experiment_id=0",
            headers={"Authorization": "Bearer a.b.c"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["experiment"]["name"] == "Default"
        process.terminate()
        process.stderr.read()
