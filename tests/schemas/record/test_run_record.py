"""The record of a run: what is written is read again, and its schema says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import reprise.schemas
from reprise.errors import TrackingError
from reprise.schemas.job import Usage
from reprise.schemas.record import observed_record, run_record
from reprise.schemas.record.observed_record import (
    InterpreterRecord,
    ObservedInput,
    ObservedRecord,
    ProcessRecord,
    VariableRecord,
)
from reprise.schemas.record.run_record import (
    ArtifactRecord,
    Content,
    Distribution,
    EnvironmentRecord,
    FileRecord,
    Gpu,
    InputRecord,
    LeftOut,
    MachineRecord,
    ModelRecord,
    ParameterRecord,
    ProjectRecord,
    RunRecord,
    SourceRecord,
    Submodule,
    from_json,
    to_json,
)

DIGEST = "sha256:" + "0" * 64
PATCH = Content("sha256:" + "1" * 64, 3)
SMALL = RunRecord(
    "a1", "name", "Default", "0.1", SourceRecord("/p", "folder"), ProjectRecord(None, None, "main", "true")
)
FULL = RunRecord(
    run_id="a1",
    run_name="kind-hill-1",
    experiment="Default",
    reprise="0.1",
    source=SourceRecord(
        uri="https://host/repo",
        kind="git",
        url="https://host/repo",
        commit="c" * 40,
        branch="main",
        version="v1",
        subdirectory="sub",
        dirty=True,
        submodules=(Submodule("lib", "d" * 40, None, (Content(DIGEST, 1),)),),
        patch=PATCH,
        files=(FileRecord("bad\udcff.py", Content(DIGEST, 1), "100755"),),
        snapshot=(Content(DIGEST, 1),),
        left_out=(LeftOut(".env", 1, "secret"),),
    ),
    project=ProjectRecord("demo", "MLproject", "main", "python a.py", "MLproject"),
    parameters=(ParameterRecord("C", "0.10", "-P"), ParameterRecord("key", None, "-P", secret=True)),
    environment=EnvironmentRecord(
        "local", "local", "e" * 64, "reprise/environment.lock", "3.11", "/py", (Distribution("a", "1"),)
    ),
    variables=("HOME",),
    seeds={"PYTHONHASHSEED": "7"},
    inputs=(InputRecord("data", "data.csv", "file", 3, DIGEST), InputRecord("set", None, "dataset")),
    observed=ObservedRecord(
        inputs=(ObservedInput("data/a.csv", "file", 3, DIGEST), ObservedInput("/b", "folder", note="big")),
        missing=("b.csv",),
        written=("out.txt",),
        programs=("git",),
        hosts=("example.org:443",),
        variables=(VariableRecord("A", "hmac-sha256:" + "0" * 64), VariableRecord("B")),
        salt="ab",
        interpreters=(InterpreterRecord("/py", "3.11", "/usr", {"numpy": "2.0"}),),
        processes=(ProcessRecord(2, 1, "python"),),
        faults=("no more",),
    ),
    machine=MachineRecord(
        "Debian", "Linux 6", "x86_64", "ab", "CPU", 2, None, (Gpu("G", "1"),), {"A": "b"}
    ),
    started=1,
    ended=2,
    status="FAILED",
    exit_code=-9,
    reason="killed",
    usage=Usage(1.5, 2.0, None),
    artifacts=(ArtifactRecord("a.txt", 1, DIGEST),),
    models=(ModelRecord("m-1", "model", (ArtifactRecord("MLmodel"),)),),
    logs=(ArtifactRecord("reprise/output.log", 1, DIGEST),),
    notes=("the inputs cannot be captured",),
)


def schema() -> Any:
    folder = Path(reprise.schemas.__file__).parent
    return json.loads((folder / "run_record.schema.json").read_text())


@pytest.mark.parametrize("record", [SMALL, FULL])
def test_what_is_written_is_read_again_and_fits_the_schema(record: RunRecord) -> None:
    text = to_json(record)
    assert from_json(text) == record
    assert from_json(text.encode()) == record
    Draft202012Validator(schema()).validate(json.loads(text))


def test_the_schema_has_every_field_with_its_description() -> None:
    content = schema()
    Draft202012Validator.check_schema(content)
    documented = {"RunRecord": content, **content["$defs"]}
    values = {
        name: value
        for name, value in {**vars(run_record), **vars(observed_record)}.items()
        if isinstance(value, type) and hasattr(value, "_fields")
    }
    assert set(documented) == set(values)
    for name, value in values.items():
        properties = documented[name]["properties"]
        assert tuple(properties) == value._fields
        for key, node in properties.items():
            target = content["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
            assert target.get("description"), f"{name}.{key}"


def test_fields_of_a_newer_reprise_are_ignored_and_missing_ones_have_defaults() -> None:
    data = json.loads(to_json(SMALL))
    data["colour"] = "red"
    data["source"]["planet"] = 3
    for name in RunRecord._field_defaults:
        if name != "version":
            del data[name]
    assert from_json(json.dumps(data)) == SMALL


def test_a_record_of_the_first_version_is_read() -> None:
    data = json.loads(to_json(FULL))
    del data["observed"]
    assert from_json(json.dumps(data | {"version": 1})) == FULL._replace(observed=None, version=1)


def test_a_newer_version_is_refused_in_a_sentence() -> None:
    data = json.loads(to_json(SMALL)) | {"version": 3}
    with pytest.raises(TrackingError, match="version 3, and this reprise reads up to 2") as caught:
        from_json(json.dumps(data))
    assert caught.value.hint


@pytest.mark.parametrize("change", [{"source": None}, {"inputs": {}}, {"run_id": 3}, {"usage": [1]}])
def test_what_is_no_record_is_told(change: dict[str, Any]) -> None:
    for text in ("", "[]", "{}", "null", json.dumps(json.loads(to_json(FULL)) | change)):
        with pytest.raises(TrackingError, match="not the record of a run"):
            from_json(text)


def test_contents_of_a_source_are_named_once() -> None:
    assert FULL.source.kept_contents == (Content(DIGEST, 1), PATCH)


def test_the_reference_has_every_field() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "run-record.md").read_text()
    sections = dict(
        zip(*[iter(re.split(r"^#{2,3} (\w+)\n", text, flags=re.MULTILINE)[1:])] * 2, strict=False)
    )
    content = schema()
    for name, node in {"Fields": content, **content["$defs"]}.items():
        missing = [key for key in node["properties"] if f"| `{key}` |" not in sections[name]]
        assert missing == [], name
