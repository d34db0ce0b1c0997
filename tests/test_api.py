"""The Python API: its names, its reference, its examples, and a store that stays open."""

from __future__ import annotations

import ast
import contextlib
import doctest
import inspect
import io
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Unpack, get_type_hints

import pytest

import reprise
from reprise import api, dataframe, errors, projects, store
from reprise.call import RunOptions
from reprise.runner.verdict.values import Agreement, Verdict
from reprise.schemas.job import Outcome
from reprise.schemas.tolerance import Tolerance
from reprise.submitted import SubmittedRun
from tests import python_api
from tests.conftest import ProjectFolder

Write = Callable[[Mapping[str, str]], ProjectFolder]

PAGE = python_api.PAGE.read_text(encoding="utf-8")
PROJECT = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]
EXAMPLES = [
    test
    for module in (api, dataframe, store)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module)
    if test.examples
]


@pytest.fixture
def demo(project: Write) -> ProjectFolder:
    """The project of the reference."""
    return project({"MLproject": PROJECT})


def in_python(code: str, **environ: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_reprise_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import reprise; print(*set(sys.modules) - before)"
    assert in_python(code).split() == ["reprise"]
    assert set(reprise.__all__) <= set(dir(reprise))


def test_every_public_name_is_there_whatever_was_imported_before() -> None:
    for name in reprise.__all__:
        assert getattr(reprise, name) is not None
    in_python(
        "import reprise.cli.verbs, reprise.runner.runs.executor, reprise\n"
        "assert callable(reprise.lock) and callable(reprise.run) and callable(reprise.check)"
    )
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        reprise.nothing_of_the_kind  # type: ignore[attr-defined]  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    stub = ast.parse((Path(reprise.__file__).with_suffix(".pyi")).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (listed,) = (node.value for node in stub.body if isinstance(node, ast.Assign))
    assert imported == set(ast.literal_eval(listed)) == set(reprise.__all__)


def test_the_reference_names_what_is_public_and_nothing_else() -> None:
    sections = set(re.findall(r"^## reprise\.(\w+)$", PAGE, re.MULTILINE))
    assert sections | set(python_api.MODULES) == set(reprise.__all__)
    for name in python_api.MODULES:
        assert f"`reprise.{name}`" in PAGE


def test_the_reference_is_as_the_docstrings_say() -> None:
    assert python_api.make_page() == PAGE, "python -m tests.python_api brings it up to date"


@pytest.mark.parametrize("name", python_api.FUNCTIONS)
def test_every_argument_is_documented_with_errors_and_an_example(name: str) -> None:
    function = getattr(reprise, name)
    documentation = python_api.read_documentation(function)
    assert list(documentation.entries("Args")) == list(inspect.signature(function).parameters)
    assert documentation.sections.keys() == {"Args", "Returns", "Raises", "Example"}
    for error in documentation.entries("Raises"):
        assert issubclass(getattr(errors, error), errors.RepriseError)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_the_examples_come_out_as_they_say(
    example: doctest.DocTest, demo: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = demo.path / "packages"
    packages.mkdir()
    (packages / "MLproject").write_text("python_env: python_env.yaml\n")
    (packages / "python_env.yaml").write_text("dependencies: [six]\n")
    monkeypatch.chdir(demo.path)
    report = io.StringIO()
    with contextlib.redirect_stderr(io.StringIO()):
        doctest.DocTestRunner(verbose=False).run(example, out=report.write)
    assert report.getvalue() == ""


def test_a_store_takes_the_options_of_a_run() -> None:
    own = {"uri", "entry_point", "synchronous", "tracking_uri"}
    annotations = {
        name: item.annotation
        for name, item in inspect.signature(api.run).parameters.items()
        if name not in own
    }
    assert annotations == {name: hint.__forward_arg__ for name, hint in RunOptions.__annotations__.items()}
    (options,) = (hint for name, hint in get_type_hints(store.Store.run).items() if name == "options")
    assert options == Unpack[RunOptions]


@pytest.mark.parametrize("name", ["reproduce", "verify", "diff", "bundle", "runs"])
def test_the_methods_of_a_store_take_the_arguments_of_the_functions(name: str) -> None:
    def arguments(function: Any, without: str) -> list[tuple[object, ...]]:
        parameters = inspect.signature(function).parameters.values()
        return [(item.annotation, item.default, item.kind) for item in parameters if item.name != without]

    method, function = getattr(store.Store, name), getattr(api, name)
    assert arguments(method, "self") == arguments(function, "tracking_uri")


def test_a_failure_says_which_run_and_how_it_ended(demo: ProjectFolder) -> None:
    with pytest.raises(reprise.RunFailed) as caught:
        reprise.run(str(demo.path), "fails", env_manager="local")
    error = caught.value
    (run,) = reprise.runs()
    assert (error.run_id, error.exit_code, error.last_lines) == (run.run_id, 3, ("no data",))
    assert isinstance(error.outcome, Outcome)
    assert (error.outcome.status, error.outcome.exit_code) == ("FAILED", 3)


def test_a_signal_is_an_outcome_and_no_exit_code(project: Write) -> None:
    doomed = project({"MLproject": "entry_points: {main: {command: 'kill -9 $$'}}"})
    with pytest.raises(reprise.RunFailed) as caught:
        reprise.run(str(doomed.path), env_manager="local")
    assert (caught.value.exit_code, caught.value.outcome.exit_code) == (1, -9)


def test_a_store_stays_open_and_its_runs_go_where_it_was_opened(
    demo: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    connect: Any = sqlite3.connect

    def count(*given: Any, **named: Any) -> Any:
        opened.append(given[0])
        return connect(*given, **named)

    with reprise.Store("results") as results:
        results.run(str(demo.path), env_manager="local")
        monkeypatch.setattr(sqlite3, "connect", count)
        monkeypatch.chdir(tmp_path)
        first = results.run(str(demo.path), parameters={"C": 2}, env_manager="local")
        assert not [name for name in opened if "reprise.db" in str(name)]
        later = results.run(str(demo.path), env_manager="local", synchronous=False)
        assert later.wait()
        again = results.reproduce(first.run_id)
        assert results.verify(first.run_id, again.outcome.run_id)
        assert results.get_run(first.run_id[:12]).params == {"C": "2"}
        assert len(results.runs(limit=2)) == 2
        statuses = [run.status for run in results.runs()]
    assert statuses == ["FINISHED"] * 4
    assert not (tmp_path / "results").exists()


def test_a_closed_store_says_so(demo: ProjectFolder) -> None:
    results = reprise.Store("results")
    results.close()
    results.close()
    assert repr(results) == f"<Store {results.uri}, closed>"
    for use in (lambda: results.run(str(demo.path)), results.runs, results.__enter__):
        with pytest.raises(errors.UsageError, match="is closed"):
            use()
    assert not Path("results").exists()


def test_reading_makes_no_store(house: Path) -> None:
    for read in (reprise.runs, lambda: reprise.verify("a", "b"), lambda: reprise.bundle("@last")):
        with pytest.raises(errors.UsageError, match="there is no store at"):
            read()
    assert not Path("mlruns").exists()


def test_wrong_arguments_are_refused_before_anything_runs(demo: ProjectFolder) -> None:
    path = str(demo.path)
    reprise.run(path, env_manager="local")
    wrong: list[Callable[[], object]] = [
        lambda: reprise.run(path, parameters={"C": "x"}, env_manager="local"),
        lambda: reprise.run(path, env_manager="nix"),
        lambda: reprise.run(path, experiment_id="1", experiment_name="a"),
        lambda: reprise.run(path, docker_auth={"user": "a"}),
        lambda: reprise.runs(order_by="metrics.a"),
        lambda: reprise.runs(limit=-1),
        lambda: reprise.lock(path, upgrade="six"),
        lambda: reprise.lock(path, platforms="linux-64"),
        lambda: reprise.bundle("@last", max_input="much"),
        lambda: reprise.runs(experiment="nowhere"),
        lambda: reprise.verify("@last", "@last"),
        lambda: reprise.reproduce("@last", tolerance=-1),
        lambda: reprise.lock(path, check_only=True, upgrade=True),
    ]
    for call in wrong:
        with pytest.raises(errors.UsageError):
            call()
    with pytest.raises(errors.TrackingError):
        reprise.runs(filter="metrics..a = = 1")
    with reprise.Store() as opened, pytest.raises(TypeError, match=r"run\(\) got .* 'env_mangler'"):
        opened.run(path, env_mangler="local")  # type: ignore[call-arg]
    assert len(reprise.runs()) == 1


def test_a_verdict_is_true_only_when_it_is_known_to_be_the_same() -> None:
    def verdict(agreement: Agreement, failed: bool = False) -> Verdict:
        return Verdict("a" * 32, "b" * 32, agreement, "metric loss, step 3", Tolerance(), (), failed)

    assert verdict(Agreement.IDENTICAL)
    assert not verdict(Agreement.IDENTICAL, failed=True)
    assert not verdict(Agreement.NOT_COMPARABLE)
    differs = verdict(Agreement.DIVERGED)
    assert not differs
    assert repr(differs) == (
        "<Verdict on run bbbbbbbb and its original aaaaaaaa: diverged at metric loss, step 3>"
    )


def test_a_table_without_runs_has_its_columns() -> None:
    assert {"run_id", "status", "start_time"} <= set(reprise.to_dataframe([]).columns)


def test_a_submitted_run_is_what_isinstance_says(demo: ProjectFolder) -> None:
    ended = projects.run(str(demo.path), env_manager="local")
    started = projects.run(str(demo.path), env_manager="local", synchronous=False)
    for submitted in (ended, started):
        assert isinstance(submitted, SubmittedRun)
        assert isinstance(submitted, projects.SubmittedRun)
        assert submitted.wait()
        assert repr(submitted) == f"<SubmittedRun {submitted.run_id}: FINISHED>"


@pytest.mark.mlflow
def test_a_submitted_run_is_one_of_mlflow_s_whenever_mlflow_is_imported(demo: ProjectFolder) -> None:
    in_python(
        "import sys, reprise\n"
        f"submitted = reprise.run({str(demo.path)!r}, env_manager='local')\n"
        "assert 'mlflow' not in sys.modules\n"
        "import mlflow.projects\n"
        "assert isinstance(submitted, mlflow.projects.SubmittedRun)\n"
        "assert isinstance(submitted, reprise.SubmittedRun)\n"
        "assert not isinstance(submitted, mlflow.projects.submitted_run.LocalSubmittedRun)\n",
        MLFLOW_DISABLE_TELEMETRY="true",
    )
