"""What a critical user tries first: each mistake has a message that says what is wrong, and where."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reprise import projects
from reprise.errors import SourceError, UsageError
from reprise.runner.sources import archives
from reprise.runner.vcs import git
from tests.conftest import ProjectFolder

Write = Callable[[Mapping[str, str]], ProjectFolder]

ECHO = {"MLproject": "entry_points:\n  main:\n    command: 'echo'\n"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("../../k=1", '-P ../../k: a name must not contain ".."'),
        ("novalue", "-P novalue: no value; write -P novalue=VALUE"),
    ],
)
def test_a_wrong_option_is_told_as_one(given: str, said: str, project: Write) -> None:
    result = project(ECHO).run("-P", given)
    assert (result.exit_code, result.err.splitlines()[0].startswith(f"error: {said}")) == (2, True)


def test_an_experiment_that_is_not_there_is_a_wrong_option(project: Write) -> None:
    demo = project(ECHO)
    result = demo.run("--experiment-id", "77")
    assert (result.exit_code, demo.runs()) == (2, [])
    assert "there is no experiment with the id '77'" in result.err
    assert demo.run("--experiment-id", "no-such").exit_code == 2


def test_keys_of_another_backend_are_a_warning(project: Write) -> None:
    result = project(ECHO).run("-c", '{"unused": 1, "grace_period": 2}')
    assert result.exit_code == 0
    assert result.err.count('"unused" is ignored') == 1


def test_a_folder_in_the_place_of_the_project_file(house: Path, tmp_path: Path, project: Write) -> None:
    (tmp_path / "project" / "MLproject").mkdir(parents=True)
    result = project({}).run()
    assert (result.exit_code, "MLproject:1:1  this is a folder" in result.err) == (2, True)


def test_entry_points_without_a_value_have_their_line(project: Write) -> None:
    result = project({"MLproject": "name: t\nentry_points:\n"}).run()
    assert "MLproject:2:" in result.err.splitlines()[0]
    assert "no value" in result.err.splitlines()[0]


def test_of_a_foreign_tag_only_the_cause_is_told(project: Write) -> None:
    result = project(
        {"MLproject": "name: !!python/object/apply:os.system [id]\n" + ECHO["MLproject"]}
    ).run()
    assert result.err.splitlines()[0] == "error: MLproject has a fault"
    assert "!!python/object/apply:os.system" in result.err


def test_a_folder_with_a_blank_at_its_end(project: Write, tmp_path: Path) -> None:
    demo = project(ECHO)
    demo.path.rename(tmp_path / "tr ")
    assert demo.reprise("run", str(tmp_path / "tr "), "--env-manager=local").exit_code == 0


def test_an_archive_with_a_name_for_two_things(house: Path, tmp_path: Path) -> None:
    for kinds in ((tarfile.DIRTYPE, tarfile.SYMTYPE), (tarfile.REGTYPE, tarfile.DIRTYPE)):
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as made:
            for kind in kinds:
                member = tarfile.TarInfo("twice")
                member.type, member.linkname = kind, "elsewhere"
                made.addfile(member, io.BytesIO())
        with pytest.raises(SourceError, match='"twice" is in it twice') as caught:
            archives.unpack_archive(tmp_path / "a.tar.gz", tmp_path / "unpacked")
        assert "partial" not in caught.value.message


def test_the_reason_of_git_is_whole() -> None:
    said = "fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused\n"
    assert git.find_reason(said).endswith("errno=Connection refused")


def test_a_list_from_python_is_json_where_a_list_is_declared(project: Write) -> None:
    demo = project(
        {
            "MLproject": "entry_points:\n  main:\n"
            "    parameters: {runs: 'list[string]', n: 'list[int]', text: string}\n"
            "    command: printf '%s|' {runs} {n} {text}\n"
        }
    )
    given = {"runs": ["a b", "c's"], "n": (1, 2), "text": ["a"]}
    projects.run(str(demo.path), parameters=given, env_manager="local")
    assert demo.artifact(demo.runs()[0], "reprise/output.log") == '["a b", "c\'s"]|[1, 2]|[\'a\']|'


@pytest.mark.slow
def test_a_current_folder_that_is_gone_is_needed_for_relative_names_only(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project(ECHO)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        with pytest.raises(UsageError, match="no store is named, and the current folder was removed"):
            projects.run(str(demo.path), env_manager="local")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "store"))
        assert projects.run(str(demo.path), env_manager="local").wait()
        assert projects.run(str(demo.path), env_manager="local", synchronous=False).wait()
        with pytest.raises(SourceError, match="gone"):
            projects.run("relative", env_manager="local")
    finally:
        os.chdir(tmp_path)
