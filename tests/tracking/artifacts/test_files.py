"""Artifact names from outside stay inside their folder, and files arrive whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.errors import TrackingError
from reprise.tracking.artifacts.files import ArtifactFolder
from reprise.tracking.sqlite.store import EmbeddedStore

HOSTILE = [
    "../secret",
    "a/../../secret",
    "..",
    "/etc/passwd",
    "//etc/passwd",
    "..\\secret",
    "C:\\secret",
    "a\0b",
    "link/secret",
    "link",
    "dangling",
    "x" * 256,
    "\udcff",
    ".arriving-1",
]


@pytest.fixture
def folder(tmp_path: Path) -> ArtifactFolder:
    """A folder with a file, and symlinks that lead out of it."""
    root = tmp_path / "artifacts"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "dangling").symlink_to(tmp_path / "nothing")
    (root / "a.txt").write_text("inside")
    return ArtifactFolder(root)


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_name_is_refused_by_every_verb(folder: ArtifactFolder, tmp_path: Path, path: str) -> None:
    source = tmp_path / "source"
    source.write_text("overwritten")
    for ask in (
        lambda: folder.list(path),
        lambda: folder.file(path),
        lambda: folder.delete(path),
        lambda: folder.copy_in(source, path),
        lambda: folder.copy_out(path, tmp_path / "copied"),
    ):
        with pytest.raises(TrackingError, match="must stay inside") as refused:
            ask()
        assert refused.value.code == "INVALID_PARAMETER_VALUE"
    assert (tmp_path / "secret").read_text() == (tmp_path / "outside" / "secret").read_text() == "secret"
    assert sorted(entry.name for entry in folder.root.iterdir()) == ["a.txt", "dangling", "link"]
    assert not (tmp_path / "copied").exists()


def test_symlinks_are_neither_listed_nor_copied(folder: ArtifactFolder, tmp_path: Path) -> None:
    assert [item.path for item in folder.list()] == ["a.txt"]
    folder.copy_out("", tmp_path / "copied")
    assert [entry.name for entry in (tmp_path / "copied").iterdir()] == ["a.txt"]


def test_names_that_only_look_odd_are_kept(folder: ArtifactFolder) -> None:
    names = ["...", "a b", "-rf", "%2e%2e", "ünï/côdé 😀.txt", "a:b?*", "~", "new\nline"]
    for name in names:
        with folder.writing(name) as stream:
            stream.write(name.encode())
    for name in names:
        assert folder.file(name).read_bytes() == name.encode()


def test_a_file_that_breaks_off_leaves_nothing_and_keeps_what_was_there(folder: ArtifactFolder) -> None:
    with pytest.raises(ConnectionError), folder.writing("a.txt") as stream:
        stream.write(b"half")
        assert [item.path for item in folder.list()] == ["a.txt"]
        raise ConnectionError
    assert folder.file("a.txt").read_text() == "inside"
    assert sorted(entry.name for entry in folder.root.iterdir()) == ["a.txt", "dangling", "link"]


def test_a_file_and_a_folder_do_not_take_each_others_place(folder: ArtifactFolder) -> None:
    with folder.writing("model/weights") as stream:
        stream.write(b"1")
    for path, words in (("model", "is a folder"), ("a.txt/b", "inside a file"), ("", "is a folder")):
        with pytest.raises(TrackingError, match=words), folder.writing(path):
            pytest.fail("the block must not be entered")
    with pytest.raises(TrackingError) as refused:
        folder.file("model")
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


def test_files_and_folders_are_deleted(folder: ArtifactFolder) -> None:
    with folder.writing("model/data/weights") as stream:
        stream.write(b"1")
    folder.delete("model")
    folder.delete("a.txt")
    assert folder.list() == []
    with pytest.raises(TrackingError) as refused:
        folder.delete("a.txt")
    assert refused.value.code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("as_uri", [True, False])
def test_an_experiment_may_keep_its_artifacts_elsewhere(
    embedded_store: EmbeddedStore, tmp_path: Path, as_uri: bool
) -> None:
    elsewhere = tmp_path / "big disk"
    location = elsewhere.as_uri() if as_uri else str(elsewhere)
    experiment = embedded_store.create_experiment("elsewhere", artifact_location=location)
    run = embedded_store.create_run(experiment, start_time=1, user_id="ada")
    assert embedded_store.artifact_folder(run.run_id) == elsewhere / run.run_id / "artifacts"
    source = tmp_path / "a.txt"
    source.write_text("a")
    embedded_store.upload_artifact(run.run_id, source, "a.txt")
    assert [item.path for item in embedded_store.list_artifacts(run.run_id)] == ["a.txt"]
    assert run.artifact_uri == f"{location}/{run.run_id}/artifacts"


@pytest.mark.parametrize(
    "location",
    [
        "runs:/abc/x",
        "file://host/x",
        "mlflow-artifacts:/../../etc",
        "s3://bucket/a/../../b",
        "s3://bucket/x#y",
        "s3:///x",
        "zip::s3://bucket/x",
        "s3://" + "x" * 3000,
    ],
)
def test_an_artifact_location_that_is_no_place_for_files_is_refused(
    embedded_store: EmbeddedStore, location: str
) -> None:
    with pytest.raises(TrackingError) as refused:
        embedded_store.create_experiment("x", artifact_location=location)
    assert refused.value.code == "INVALID_PARAMETER_VALUE"
    assert embedded_store.get_experiment_by_name("x") is None


def test_a_file_is_read_and_measured_and_its_digest_is_known_once_noted(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        run = store.create_run("0", start_time=1, user_id="ada", run_name="files")
        artifacts = store.artifacts_of(run.run_id)
        (store.artifact_folder(run.run_id) / "sub").mkdir(parents=True)
        (store.artifact_folder(run.run_id) / "by-hand.txt").write_text("hand")
        with artifacts.writing("a.txt") as file:
            file.write(b"content")
        with artifacts.reading("a.txt") as stream:
            assert (stream.seek(3), stream.read()) == (3, b"tent")
        assert artifacts.size("a.txt") == 7
        assert artifacts.known_digest("a.txt") == artifacts.digest("a.txt")
        assert artifacts.known_digest("by-hand.txt") is None
        for nothing in ("none.txt", "sub", ""):
            with pytest.raises(TrackingError, match="there is no artifact"):
                artifacts.size(nothing)


@pytest.mark.parametrize("location", ["s3://bucket/folder", "gs://b", "abfss://c@account/x", "hdfs://h/x"])
def test_artifacts_of_an_experiment_may_lie_in_an_object_store(
    embedded_store: EmbeddedStore, location: str
) -> None:
    """Clients reach it themselves, so nothing has to be installed here for it."""
    experiment = embedded_store.create_experiment("far", artifact_location=f"{location}/")
    assert embedded_store.get_experiment(experiment).artifact_location == location
    run = embedded_store.create_run(experiment, start_time=1, user_id="ada")
    assert run.artifact_uri == f"{location}/{run.run_id}/artifacts"


def test_artifacts_in_an_object_store_are_read_where_its_library_is(embedded_store: EmbeddedStore) -> None:
    experiment = embedded_store.create_experiment("far", artifact_location="memory://far/away")
    run = embedded_store.create_run(experiment, start_time=1, user_id="ada")
    with embedded_store.artifacts_of(run.run_id).writing("d/a.txt") as file:
        file.write(b"a")
    assert [item.path for item in embedded_store.list_artifacts(run.run_id, "d/.")] == ["d/a.txt"]


def test_no_address_of_the_network_is_asked_for_artifacts(embedded_store: EmbeddedStore) -> None:
    experiment = embedded_store.create_experiment("far", artifact_location="http://169.254.169.254/x")
    run = embedded_store.create_run(experiment, start_time=1, user_id="ada")
    with pytest.raises(TrackingError) as refused:
        embedded_store.list_artifacts(run.run_id)
    assert refused.value.code == "NOT_IMPLEMENTED" and "s3" in refused.value.message


@pytest.mark.parametrize(
    ("given", "meant"),
    [("./a.txt", "a.txt"), ("d//b", "d/b"), ("d/../a.txt", "a.txt"), ("d/./b/", "d/b"), ("a/b/..", "a")],
)
def test_a_path_is_taken_for_what_it_means(tmp_path: Path, given: str, meant: str) -> None:
    artifacts = ArtifactFolder(tmp_path / "files")
    with artifacts.writing(given) as file:
        file.write(b"x")
    assert artifacts.size(meant) == artifacts.size(given) == 1
    assert {item.path for item in artifacts.list(".")} == {meant.split("/")[0]}


@pytest.mark.parametrize("path", ["", ".", "a/..", "./"])
def test_the_root_of_artifacts_is_no_file(tmp_path: Path, path: str) -> None:
    with pytest.raises(TrackingError, match="is a folder"), ArtifactFolder(tmp_path).writing(path):
        raise AssertionError("it is not opened")
