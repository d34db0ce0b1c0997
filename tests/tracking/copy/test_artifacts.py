"""Files are found where they lie now; those that are not found are told, and brought by a later copy."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from reprise.schemas.tags import COPY_INCOMPLETE
from reprise.tracking.artifacts.locations import read_location
from reprise.tracking.sqlite.copied.destination import EmbeddedDestination
from tests.tracking.copy.conftest import Copy, numbers, told
from tests.tracking.copy.stores import RUN, make_database, make_experiment, make_run, write_texts

A, B, C = "a" * 32, "b" * 32, "c" * 32


def is_incomplete(destination: EmbeddedDestination, run_id: str) -> bool:
    return COPY_INCOMPLETE in destination.get_run(run_id).tags


def has_file(destination: EmbeddedDestination, run_id: str, name: str = "f") -> bool:
    return (destination.artifact_folder(run_id) / name).is_file()


@pytest.mark.parametrize(
    ("uri", "local", "root"),
    [
        (f"/data/mlruns/1/{RUN}/artifacts", f"/data/mlruns/1/{RUN}/artifacts", "/data/mlruns"),
        (f"file:///data/a%20b/1/{RUN}/artifacts", f"/data/a b/1/{RUN}/artifacts", "/data/a b"),
        (f"./mlruns/1/{RUN}/artifacts", f"mlruns/1/{RUN}/artifacts", "mlruns"),
        (f"file:./mlruns/1/{RUN}/artifacts", f"mlruns/1/{RUN}/artifacts", "mlruns"),
        (f"file://./mlruns/1/{RUN}/artifacts", f"mlruns/1/{RUN}/artifacts", "mlruns"),
        (f"file:///C:/me/mlruns/1/{RUN}/artifacts", None, "/C:/me/mlruns"),
        (f"C:\\me\\mlruns\\1\\{RUN}\\artifacts", None, "C:/me/mlruns"),
        (f"mlflow-artifacts:/1/{RUN}/artifacts", None, "mlflow-artifacts:/"),
        (f"mlflow-artifacts://h:5000/p/1/{RUN}/artifacts", None, "mlflow-artifacts://h:5000/p"),
        (f"s3://bucket/deep/1/{RUN}/artifacts", None, "s3://bucket/deep"),
        (f"/{RUN}/artifacts", f"/{RUN}/artifacts", "/"),
    ],
)
def test_a_location_says_its_root(uri: str, local: str | None, root: str) -> None:
    location = read_location(uri, RUN)
    assert location is not None
    assert (location.root, location.local) == (root, None if local is None else Path(local))


@pytest.mark.parametrize("uri", ["/etc", f"/x/../{RUN}/artifacts", f"/x/{A}/artifacts", "s3://b/artifacts"])
def test_a_place_where_mlflow_would_not_keep_artifacts_is_none(uri: str) -> None:
    assert read_location(uri, RUN) is None


def test_artifacts_are_read_only_where_mlflow_would_keep_them(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    write_texts(tmp_path / "private" / "artifacts", {"key": "private"})
    home = make_experiment(tmp_path / "mlruns", "1", "x")
    make_run(home, A, uri=f"{tmp_path}/private/artifacts")
    make_run(home, B, uri=f"{tmp_path}/x/../private/{B}/artifacts")
    linked = make_run(home, C)
    (linked / "artifacts").rmdir()
    (linked / "artifacts").symlink_to(tmp_path / "private" / "artifacts")
    census = copy(tmp_path / "mlruns")
    assert (numbers(census, "runs"), numbers(census, "files")) == ((3, 3, 0, 0), (0, 0, 0, 0))
    assert (len(census.differences), census.line_of("files").unknown) == (3, 3)
    assert all(is_incomplete(destination, run_id) for run_id in (A, B, C))


def test_artifacts_elsewhere_on_this_machine_are_not_followed(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    """A store of others may name folders of our own; ``--artifacts`` names those that are meant."""
    elsewhere = tmp_path / "own" / "mlruns" / "1" / A / "artifacts"
    write_texts(elsewhere, {"f": "private"})
    given = tmp_path / "given" / "mlruns"
    home = make_experiment(given, "1", "x")
    make_run(home, A, uri=str(elsewhere))
    linked = make_run(home, B, uri=str(given / "1" / B / "artifacts"))
    shutil.rmtree(linked / "artifacts")
    (linked / "artifacts").symlink_to(elsewhere)
    census = copy(given)
    assert not has_file(destination, A) and not has_file(destination, B)
    assert "outside of the store" in str(told(census))
    copy(given, beside=tmp_path / "own" / "mlruns")
    assert has_file(destination, A)


def test_a_store_that_was_moved_whole_is_read_where_it_is(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    home = make_experiment(tmp_path / "old" / "mlruns", "1", "x")
    make_run(home, A, files={"f": "x"})
    make_run(home, B)
    (tmp_path / "old").rename(tmp_path / "new")
    assert told(copy(tmp_path / "new" / "mlruns")) == []
    assert has_file(destination, A) and not is_incomplete(destination, B)


def test_a_store_without_any_files_was_moved_too(tmp_path: Path, copy: Copy) -> None:
    make_run(make_experiment(tmp_path / "old" / "mlruns", "1", "x"), A)
    (tmp_path / "old").rename(tmp_path / "new")
    assert told(copy(tmp_path / "new" / "mlruns")) == []


def test_runs_of_a_root_that_is_not_here_are_told_together_and_brought_later(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    away = tmp_path / "nfs" / "art"
    home = make_experiment(tmp_path / "mlruns", "1", "x", location=(away / "1").as_uri())
    for run_id in (A, B, C):
        make_run(home, run_id, uri=(away / "1" / run_id / "artifacts").as_uri())
    census = copy(tmp_path / "mlruns")
    assert told(census) == [
        f"3 runs: : artifacts were kept below {away}, which is not here, or holds none of them"
    ]
    assert census.line_of("files").unknown == 3
    assert is_incomplete(destination, A)
    write_texts(away / "1" / A / "artifacts", {"f": "x"})
    assert told(copy(tmp_path / "mlruns")) == []
    assert has_file(destination, A)
    assert not any(is_incomplete(destination, run_id) for run_id in (A, B, C))
    shutil.rmtree(away)
    later = copy(tmp_path / "mlruns")
    assert (told(later), len(later.notes)) == ([], 1)
    assert not is_incomplete(destination, B)


def test_a_mount_point_where_nothing_is_mounted_is_no_root(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    away = tmp_path / "nfs"
    away.mkdir()
    make_database(tmp_path / "db" / "mlflow.db", {A: f"{away}/1/{A}/artifacts"}).close()
    assert len(told(copy(tmp_path / "db" / "mlflow.db"))) == 1
    assert is_incomplete(destination, A)


def test_files_come_after_a_copy_without_them(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    make_run(make_experiment(tmp_path / "mlruns", "1", "x"), A, files={"f": "x"})
    assert told(copy(tmp_path / "mlruns", artifacts=False)) == []
    assert not has_file(destination, A) and not is_incomplete(destination, A)
    census = copy(tmp_path / "mlruns")
    assert (told(census), numbers(census, "files")) == ([], (1, 1, 0, 0))
    assert has_file(destination, A)


def test_a_root_that_is_away_is_told_after_a_copy_without_files_as_well(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    database = tmp_path / "mlflow.db"
    make_database(database, {A: f"/mnt/nfs/1/{A}/artifacts"}).close()
    assert told(copy(database, artifacts=False)) == []
    assert len(told(copy(database))) == 1
    assert is_incomplete(destination, A)


@pytest.mark.parametrize("root", ["./artifacts", "artifacts", "file:./artifacts", "mlruns"])
def test_relative_roots_are_seen_from_the_folder_of_the_database(
    tmp_path: Path,
    destination: EmbeddedDestination,
    copy: Copy,
    root: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "project"
    make_database(home / "mlflow.db", {A: f"{root}/1/{A}/artifacts", B: f"{root}/1/{B}/artifacts"}).close()
    folder = home / root.removeprefix("file:")
    write_texts(folder / "1" / A / "artifacts", {"f": "x"})
    monkeypatch.chdir(tmp_path)
    assert told(copy(home / "mlflow.db")) == []
    assert has_file(destination, A) and not is_incomplete(destination, B)


@pytest.mark.parametrize(
    "root",
    [
        "C:\\Users\\me\\mlruns\\",
        "file:///C:/Users/me/mlruns/",
        "file:///C:\\Users\\me\\mlruns\\",
        "file:///home/me/project/mlruns/",
        "mlflow-artifacts:/",
        "s3://bucket/",
    ],
)
def test_roots_of_other_machines_are_looked_for_by_the_end_of_their_path(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy, root: str
) -> None:
    end = "\\" if root.endswith("\\") else "/"
    make_database(tmp_path / "mlflow.db", {A: f"{root}1{end}{A}{end}artifacts"}).close()
    write_texts(tmp_path / "mlruns" / "1" / A / "artifacts", {"deep/f": "x"})
    assert told(copy(tmp_path / "mlflow.db")) == []
    assert has_file(destination, A, "deep/f")


@pytest.mark.parametrize(
    "layout", ["kept/1/{}/artifacts", "kept/x/mlruns/1/{}/artifacts", "kept/{}/artifacts"]
)
def test_files_are_found_where_the_user_says(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy, layout: str
) -> None:
    make_database(tmp_path / "mlflow.db", {A: f"/home/x/mlruns/1/{A}/artifacts"}).close()
    write_texts(tmp_path / layout.format(A), {"f": "x"})
    assert told(copy(tmp_path / "mlflow.db", beside=tmp_path / "kept")) == []
    assert has_file(destination, A)


def test_a_folder_that_the_user_names_and_that_holds_nothing_of_it_is_told(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    make_database(tmp_path / "mlflow.db", {A: f"mlflow-artifacts:/1/{A}/artifacts"}).close()
    write_texts(tmp_path / "other", {"f": "x"})
    assert len(told(copy(tmp_path / "mlflow.db", beside=tmp_path / "other"))) == 1
    assert is_incomplete(destination, A)


def test_our_own_new_store_is_not_the_folder_of_the_artifacts(tmp_path: Path) -> None:
    """``cd project; reprise import mlflow.db``: the store that is made is ``project/mlruns``."""
    from reprise.tracking.copy.sources import open_source
    from reprise.tracking.copy.transfer import Transfer

    runs = {run_id: f"{tmp_path}/mlruns/1/{run_id}/artifacts" for run_id in (A, B)}
    make_database(tmp_path / "mlflow.db", runs).close()
    write_texts(tmp_path / "moved" / "1" / A / "artifacts", {"f": "x"})
    for _ in range(2):
        source = open_source("mlflow.db", tmp_path)
        with EmbeddedDestination(tmp_path / "mlruns") as destination:
            census = Transfer(source, destination).transfer_all()
            assert census.line_of("files").unknown == 2
            assert is_incomplete(destination, A) and is_incomplete(destination, B)
        source.close()
    source = open_source("mlflow.db", tmp_path, tmp_path / "moved")
    with EmbeddedDestination(tmp_path / "mlruns") as destination:
        assert told(Transfer(source, destination).transfer_all()) == []
        assert has_file(destination, A) and not is_incomplete(destination, B)
    source.close()


def test_a_folder_that_mlflow_made_beside_its_database_and_never_used_says_that_there_were_no_files(
    tmp_path: Path,
) -> None:
    from reprise.tracking.copy.sources import open_source
    from reprise.tracking.copy.transfer import Transfer

    make_database(tmp_path / "mlflow.db", {A: f"{tmp_path}/mlruns/1/{A}/artifacts"}).close()
    (tmp_path / "mlruns").mkdir()
    for _ in range(2):  # the second time it is our store
        source = open_source("mlflow.db", tmp_path)
        with EmbeddedDestination(tmp_path / "mlruns") as destination:
            assert told(Transfer(source, destination).transfer_all()) == []
            assert not is_incomplete(destination, A)
        source.close()


def test_a_database_is_read_with_files_that_came_in_an_archive(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    home = tmp_path / "server"
    runs = {A: f"{home}/mlartifacts/1/{A}/artifacts", B: f"{home}/mlartifacts/1/{B}/artifacts"}
    make_database(home / "mlflow.db", runs).close()
    write_texts(home / "mlartifacts" / "1" / A / "artifacts", {"f": "x"})
    with tarfile.open(tmp_path / "server.tar", "w") as archive:
        archive.add(home, "backup")
    shutil.rmtree(home)
    with tarfile.open(tmp_path / "server.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    assert told(copy(tmp_path / "backup" / "mlflow.db")) == []
    assert has_file(destination, A)


def test_files_that_were_written_again_come_again(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    import os
    import time

    run = make_run(make_experiment(tmp_path / "mlruns", "1", "x"), A, files={"f": "old", "g": "x"})
    copy(tmp_path / "mlruns")
    (run / "artifacts" / "f").write_text("new")
    later = time.time() + 10
    os.utime(run / "artifacts" / "f", (later, later))
    (run / "artifacts" / "late").write_text("x")
    census = copy(tmp_path / "mlruns")
    assert (told(census), numbers(census, "files")) == ([], (3, 3, 0, 0))
    assert (destination.artifact_folder(A) / "f").read_text() == "new"


def test_artifacts_in_a_store_of_objects_are_fetched_and_one_that_cannot_be_read_is_told_once(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    import fsspec  # type: ignore[import-untyped]

    memory = fsspec.filesystem("memory")
    memory.pipe(f"/bucket/1/{A}/artifacts/deep/a.txt", b"hello")
    home = make_experiment(tmp_path / "mlruns", "1", "x")
    make_run(home, A, uri=f"memory://bucket/1/{A}/artifacts")
    for number in range(5):
        run_id = f"{number}" * 32
        make_run(home, run_id, uri=f"nosuch://bucket/1/{run_id}/artifacts")
    census = copy(tmp_path / "mlruns")
    assert numbers(census, "files") == (1, 1, 0, 0)
    assert (destination.artifact_folder(A) / "deep" / "a.txt").read_bytes() == b"hello"
    (difference,) = told(census)
    assert difference.startswith(
        "5 runs: : artifacts were kept below nosuch://bucket, which cannot be read"
    )


MODEL = """flavors:
  python_function:
    {data: null, env: {conda: conda.yaml, virtualenv: python_env.yaml}, model_path: model.pkl}
  sklearn: {code: code, pickled_model: model.pkl}
saved_input_example_info: {artifact_path: example.json}
"""


def test_what_a_run_says_that_it_logged_and_has_not_is_told(
    tmp_path: Path, destination: EmbeddedDestination, copy: Copy
) -> None:
    """Half a folder that was copied by hand looks whole; a later import brings the rest."""
    home = make_experiment(tmp_path / "mlruns", "1", "x")
    tags = {
        "mlflow.log-model.history": '[{"artifact_path": "model"}, {"artifact_path": "gone/deep"},'
        ' {"artifact_path": "s3://b/x"}, {"artifact_path": "../x"},'
        ' {"model_id": "m-1", "artifact_path": "m"}]',
        "mlflow.loggedArtifacts": '[{"path": "tables/a.json", "type": "table"}, 1, {"path": 2}]',
    }
    files = {"model/MLmodel": MODEL, "model/conda.yaml": "", "model/code/a.py": "", "other/MLmodel": "{"}
    run = make_run(home, A, tags=tags, files=files)
    make_run(home, B, tags={"mlflow.log-model.history": "[[", "mlflow.loggedArtifacts": "{}"})
    census = copy(tmp_path / "mlruns")
    lost = [
        "gone/deep/MLmodel",
        "model/example.json",
        "model/model.pkl",
        "model/python_env.yaml",
        "tables/a.json",
    ]
    assert [fault.name for fault in census.differences] == lost
    assert numbers(census, "files") == (9, 4, 0, 5)
    assert is_incomplete(destination, A) and not is_incomplete(destination, B)
    write_texts(run / "artifacts", dict.fromkeys(lost, "x"))
    assert told(copy(tmp_path / "mlruns")) == []
    assert not is_incomplete(destination, A)
    shutil.rmtree(run / "artifacts" / "model" / "code")
    assert told(copy(tmp_path / "mlruns")) == []  # it was copied before
