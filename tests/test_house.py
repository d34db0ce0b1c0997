"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import house as shape
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow  # each reads the whole package
PACKAGE = REPOSITORY / "reprise"
HEAVY = {
    "filelock",
    "httpx",
    "jsonschema",
    "mlflow",
    "msgspec",
    "platformdirs",
    "psutil",
    "rich",
    "starlette",
    "uvicorn",
}


def test_no_file_is_longer_than_450_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: lines for path, lines in lengths.items() if lines > 450} == {}


def test_no_folder_has_more_than_25_modules() -> None:
    """The command line has a module for each verb; elsewhere a full folder is several subjects."""
    full = {folder: count for folder, count in shape.files_by_folder().items() if count > 25}
    assert full.keys() - {"reprise.cli"} == set(), full


def test_modules_import_one_way() -> None:
    """An import inside a function counts, which other tools leave out of their circles."""
    assert [sorted(circle) for circle in shape.circles()] == []


def test_a_class_name_is_used_once() -> None:
    several = {name: where for name, where in shape.classes_by_name().items() if len(where) > 1}
    assert several == {}


def test_functions_say_what_they_do() -> None:
    """Limits that only go down: what is reached stays reached."""
    assert shape.share_of_one_word() <= 0.29
    assert shape.share_of_participles() <= 0.03


def test_file_names_say_what_is_in_them() -> None:
    """Names that were here once, and said nothing without opening the file."""
    riddles = """patience moments watched pristine inside unlinked recognised amounts asides given kinds
        pulse printed admission front fleet making opening closing chosen plotted goals memory looking
        utils helpers common misc"""
    found = [name for name in shape.modules() if name.rpartition(".")[2] in riddles.split()]
    assert found == []


def test_the_figures_of_the_house_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shape.main()
    assert "| circles of files | 0 |" in capsys.readouterr().out


def test_every_module_says_what_it_is() -> None:
    silent = [
        path.relative_to(REPOSITORY)
        for path in PACKAGE.rglob("*.py")
        if (text := path.read_text()) and ast.get_docstring(ast.parse(text)) is None
    ]
    assert silent == []


def test_one_module_puts_files_in_their_place() -> None:
    """What is renamed elsewhere would not be on the disk, nor swept when its maker died."""
    run_by_other_pythons = {"envs/cache/bytecode.py", "runner/verdict/files/reading.py"}
    bare = [
        f"{name}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if (name := path.relative_to(PACKAGE).as_posix()) not in {"durable.py", *run_by_other_pythons}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _puts_in_place(node)
    ]
    assert bare == []


def _puts_in_place(call: ast.Call) -> bool:
    """``os.rename(a, b)``, ``shutil.move(a, b)``, ``path.replace(target)``, ``os.fsync(descriptor)``."""
    if not isinstance(call.func, ast.Attribute):
        return False
    verb, owner = call.func.attr, call.func.value
    if isinstance(owner, ast.Name) and owner.id in ("os", "shutil"):
        return verb in {"rename", "renames", "replace", "move", "fsync", "fdatasync", "sync"}
    return verb == "rename" or (verb == "replace" and len(call.args) == 1 and not call.keywords)


def test_managers_are_asked_by_their_protocol() -> None:
    """So that one of another package behaves as ours do."""
    kind_of_package = {"reprise.runner.lint.dependencies", "reprise.runner.lint.undeclared"}
    found = [
        place for place in shape.comparisons_with_managers() if place.split(":")[0] not in kind_of_package
    ]
    assert found == []


def test_statements_of_sqlite_stand_in_its_store() -> None:
    """Elsewhere are databases that are not the store: MLflow's, notes on files, and files of runs."""
    of_others = {
        "tracking/artifacts/digests.py",
        "tracking/copy/database/sqlite.py",
        "tracking/copy/sources.py",
        "runner/capture/observer/sitecustomize.py",
        "runner/verdict/files/sqlite.py",
    }
    statement = re.compile(r"\b(SELECT\s.*\sFROM\s|INSERT (OR \w+ )?INTO\s|DELETE FROM\s|UPDATE \w+ SET\s)")
    found = {
        name
        for path in PACKAGE.rglob("*.py")
        if not (name := path.relative_to(PACKAGE).as_posix()).startswith("tracking/sqlite/")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.search(node.value)
    }
    assert found - of_others == set()


def test_the_rooms_of_the_server_and_the_pages_know_no_database() -> None:
    """A second store has to reach them through the protocols of ``tracking`` alone."""
    by_name = [
        f"{name}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if not (name := path.relative_to(PACKAGE).as_posix()).startswith("tracking/sqlite/")
        and name not in {"tracking/registry.py"}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id == "EmbeddedStore"
    ]
    assert by_name == []
    rooms = [
        f"{module} -> {imported}"
        for module, imports in shape.imports().items()
        for imported in imports
        if imported.startswith("reprise.tracking.sqlite")
        and module.startswith(("reprise.server", "reprise.ui", "reprise.cli"))
    ]
    assert rooms == []


@pytest.mark.parametrize(
    "start", ["import reprise.cli", "import reprise.cli.run", "import reprise.projects"]
)
def test_starting_imports_nothing_heavy(start: str, house: Path) -> None:
    code = f"import sys; {start}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) & HEAVY == set()


def test_the_version_is_told_without_anything_heavy(house: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "reprise", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported
    assert imported & HEAVY == set()
    assert done.stdout.startswith("reprise, version ")
