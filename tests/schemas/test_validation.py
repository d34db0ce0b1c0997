"""Malformed project files: each gets its own sentences, with line and column; a marker skips no fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reprise.errors import ProjectError
from reprise.schemas import validated_cache
from reprise.schemas.faults import Findings
from reprise.schemas.loader import load_project
from reprise.schemas.yaml import document

POINT = "entry_points:\n  main:\n"
A_PATH = "entry_points -> main -> parameters -> a"


def refused(root: Path, source: str) -> list[str]:
    (root / "MLproject").write_text(source)
    with pytest.raises(ProjectError) as caught:
        load_project(root)
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", ["1:1  the file is empty; a mapping with entry_points is needed"]),
        ("# nothing\n", ["1:1  the file is empty; a mapping with entry_points is needed"]),
        ("just text", ['1:1  "just text" is not a mapping with entry_points']),
        ("- a\n", ["1:1  a list is not a mapping with entry_points"]),
        ("name: [a]\n", ["1:7  name: a list is not a text"]),
        ("entry_points: [a]\n", ["1:15  entry_points: a list is not a mapping of names to entry points"]),
        (
            "entry_points:\n  main: python train.py\n",
            [
                '2:9  entry_points -> main: "python train.py" is not a mapping with a command; '
                'write "command: ..." indented below the entry point\'s name'
            ],
        ),
        (
            "entry_points:\n  main:\n  command: python x\n",
            [
                "2:3  entry_points -> main: no value; a mapping with a command is needed; "
                'write "command: ..." indented below the entry point\'s name',
                '3:12  entry_points -> command: "python x" is not a mapping with a command; '
                'write "command: ..." indented below the entry point\'s name',
            ],
        ),
        (POINT + "    parameters: {a: int}\n", ['2:3  entry_points -> main: no "command"']),
        (POINT + "    command:\n", ["3:5  entry_points -> main -> command: no value; a command is needed"]),
        (
            POINT + "    command: ''\n",
            ["3:14  entry_points -> main -> command: an empty text is not a command"],
        ),
        (
            POINT + "    command: [a, b]\n",
            ["3:14  entry_points -> main -> command: a list is not a command"],
        ),
        (POINT + "    command: 5\n", ["3:14  entry_points -> main -> command: 5 is not a command"]),
        (
            POINT + "    command: python {balanced}\n",
            [
                '3:14  entry_points -> main -> command: "{balanced}" is not a declared parameter; '
                'declare it below "parameters:"'
            ],
        ),
        (
            POINT + "    command: x\n    parameters: [a]\n",
            ["4:17  entry_points -> main -> parameters: a list is not a mapping of names to types"],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: flaot\n",
            [f'5:10  {A_PATH}: "flaot" is not a type; did you mean "float"?'],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {type: flaot}\n",
            [f'5:17  {A_PATH} -> type: "flaot" is not a type; did you mean "float"?'],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {type: list}\n",
            [f'5:17  {A_PATH} -> type: "list" is not a type; did you mean "list[string]"?'],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {type: zzz}\n",
            [
                f'5:17  {A_PATH} -> type: "zzz" is not a type; '
                "types are string, float, int, bool, path, uri and list[...] of those"
            ],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: 5\n",
            [
                f"5:10  {A_PATH}: 5 is not a type or a mapping; "
                'write a type such as "string", or "{default: ...}"'
            ],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a:\n",
            [
                f"5:7  {A_PATH}: no value; a type or a mapping is needed; "
                'write a type such as "string", or "{default: ...}"'
            ],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a!: int\n",
            [
                '5:7  entry_points -> main -> parameters: "a!" is not a name for a parameter '
                "(letters, digits, _ - . : / and spaces, at most 250)"
            ],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {default: {b: c}}\n",
            [f"5:20  {A_PATH} -> default: a mapping is not a text or a list; put it in quotes"],
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {enum: [], minimum: low, required: maybe}\n",
            [
                f"5:17  {A_PATH} -> enum: an empty list is not a list of values",
                f'5:30  {A_PATH} -> minimum: "low" is not a number',
                f'5:45  {A_PATH} -> required: "maybe" is not true or false',
            ],
        ),
        (
            "python_env: p.yaml\nconda_env: c.yaml\n",
            [
                '1:13  python_env: there is no file "p.yaml"',
                '2:1  "conda_env" beside "python_env"; a project has one environment',
            ],
        ),
        (
            "docker_env: {image: x}\nname: y\npython_env: p.yaml\n",
            [
                '3:1  "python_env" beside "docker_env"; a project has one environment',
                '3:13  python_env: there is no file "p.yaml"',
            ],
        ),
        (
            "conda_env: environment.yaml\n",
            ['1:12  conda_env: there is no file "environment.yaml"; did you mean "environment.yml"?'],
        ),
        ("conda_env: .\n", ['1:12  conda_env: "." is a folder']),
        ("conda_env:\n", ["1:1  conda_env: no value; the name of a file is needed"]),
        ("conda_env: {name: x}\n", ["1:12  conda_env: a mapping is not the name of a file"]),
        (f"conda_env: {'x' * 300}\n", [f'1:12  conda_env: there is no file "{"x" * 57}..."']),
        (
            "docker_env: mlflow_app\n",
            [
                '1:13  docker_env: "mlflow_app" is not a mapping with an image; '
                'write "image: NAME" below "docker_env:"'
            ],
        ),
        ("docker_env: {volumes: [a]}\n", ['1:1  docker_env: no "image"']),
        (
            "docker_env:\n  image: x\n  volumes: a:b\n  environment: [A, [B], 5]\n",
            [
                '3:12  docker_env -> volumes: "a:b" is not a list of volumes',
                "4:20  docker_env -> environment -> item 2: "
                "a list is not the name of a variable or a pair [NAME, value]",
                "4:25  docker_env -> environment -> item 3: "
                "5 is not the name of a variable or a pair [NAME, value]",
            ],
        ),
        (
            "databricks_spark_job: {python_file: x.py}\n",
            [
                "1:1  databricks_spark_job: Databricks Spark jobs cannot be run; "
                "use entry_points with a command"
            ],
        ),
    ],
)
def test_a_malformed_file_gets_its_sentences(tmp_path: Path, source: str, lines: list[str]) -> None:
    (tmp_path / "environment.yml").write_text("dependencies: [a]\n")
    assert refused(tmp_path, source) == [f"MLproject:{line}" for line in lines]


def test_all_faults_are_in_the_message_once_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text("dependencies: x\n")
    (tmp_path / "MLproject").write_text(
        "conda_env: conda.yaml\n"
        "entry_points:\n  main:\n    command: x {b}\n    parameters:\n      C: {type: flaot, default: 1}\n"
    )
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path)
    assert str(caught.value) == (
        "MLproject and conda.yaml have 3 faults\n"
        '  MLproject:4:14  entry_points -> main -> command: "{b}" is not a declared parameter; '
        'declare it below "parameters:"\n'
        "  MLproject:6:17  entry_points -> main -> parameters -> C -> type: "
        '"flaot" is not a type; did you mean "float"?\n'
        '  conda.yaml:1:15  dependencies: "x" is not a list of packages'
    )
    assert caught.value.hint is None
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("source", "warning"),
    [
        ("Environment: x\n", '1:1  unknown key "Environment" is ignored'),
        ("entry_point: {}\n", '1:1  unknown key "entry_point" is ignored; did you mean "entry_points"?'),
        (
            POINT + "    command: x\n    data_file: path\n",
            '4:5  entry_points -> main: unknown key "data_file" is ignored; '
            'parameters are declared below "parameters:"',
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {type:int}\n",
            f'5:11  {A_PATH}: unknown key "type:int" is ignored; did you mean "type: int"?',
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {type str}\n",
            f'5:11  {A_PATH}: unknown key "type str" is ignored; did you mean "type: str"?',
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {default:10}\n",
            f'5:11  {A_PATH}: unknown key "default:10" is ignored; did you mean "default: 10"?',
        ),
        (
            POINT + "    command: x\n    parameters:\n      a: {desciption: x}\n",
            f'5:11  {A_PATH}: unknown key "desciption" is ignored; did you mean "description"?',
        ),
        ("docker_env: {image: x, build: y}\n", '1:24  docker_env: unknown key "build" is ignored'),
    ],
)
def test_an_unknown_key_is_a_warning(tmp_path: Path, source: str, warning: str) -> None:
    (tmp_path / "MLproject").write_text(source)
    assert load_project(tmp_path).warnings == (f"MLproject:{warning}",)


BAD_ROOT = '{"root": [1, 1, {"name": [1, 1, [1, 7, 5, true]]}], "warnings": []}'
WARM = """
import sys
from pathlib import Path
from reprise.schemas.loader import load_project
print(load_project(Path(sys.argv[1])).warnings, sorted({"jsonschema", "yaml"} & {*sys.modules}))
"""


def test_a_file_that_was_valid_is_not_validated_again(tmp_path: Path, house: Path) -> None:
    (tmp_path / "MLproject").write_text("Environment: x\nentry_points: {main: {command: x}}\n")
    answers = [
        subprocess.run(
            [sys.executable, "-c", WARM, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    warnings = "('MLproject:1:1  unknown key \"Environment\" is ignored',)"
    assert answers == [f"{warnings} ['jsonschema', 'yaml']\n", f"{warnings} []\n"]


def test_a_faulty_file_leaves_no_marker(tmp_path: Path, house: Path) -> None:
    first = refused(tmp_path, "name: [a]\n")
    assert refused(tmp_path, "name: [a]\n") == first
    assert not list(house.rglob("valid-v1/*"))


@pytest.mark.parametrize("content", ["", "nonsense", "[[1]]", '{"a": 1}', "[[1]]", "\xff", BAD_ROOT])
def test_a_spoilt_marker_is_no_marker(tmp_path: Path, house: Path, content: str) -> None:
    (tmp_path / "MLproject").write_text("Environment: x\n")
    expected = load_project(tmp_path).warnings
    (marker,) = house.rglob("valid-v1/*")
    marker.write_text(content)
    assert load_project(tmp_path).warnings == expected


def test_a_marker_that_lies_makes_nothing_unsafe(tmp_path: Path, house: Path) -> None:
    """What decides the parsing is checked whether or not the file counts as valid."""
    (tmp_path / "MLproject").write_text("name: x\n")
    load_project(tmp_path)
    (marker,) = house.rglob("valid-v1/*")
    source = (
        "python_env: [1]\n"
        "entry_points:\n  a: text\n  main: {command: [x], parameters: {p: [], q: {enum: 1}}}\n"
    )
    (tmp_path / "MLproject").write_text(source)
    refused(tmp_path, source)
    for name in _digests_asked_for(tmp_path):
        node = document.read_document(source.encode(), Findings("MLproject"))
        assert node is not None
        root = validated_cache._pack_node(node)
        marker.with_name(name).write_text(json.dumps({"root": root, "warnings": []}))
    project = load_project(tmp_path)
    assert project.entry_points["main"].command == ""


def _digests_asked_for(root: Path) -> list[str]:
    asked: list[str] = []
    real = validated_cache._place_of

    def recorded(digest: str) -> Path:
        asked.append(digest)
        return real(digest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validated_cache, "_place_of", recorded)
        with pytest.raises(ProjectError):
            load_project(root)
    return asked


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPRISE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    (tmp_path / "MLproject").write_text("name: x\n")
    assert load_project(tmp_path).name == "x"
