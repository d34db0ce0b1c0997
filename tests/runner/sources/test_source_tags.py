"""The tags of a local folder are MLflow's own, character by character: its code is the witness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reprise.runner.sources import working_copy
from reprise.runner.sources.source_tags import name_local_source, tag_of_repository
from tests.fakes.repositories import git

PROJECT = "entry_points: {main: {command: 'true'}}\n"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Repositories with remotes of several kinds, a link to one, and a plain folder."""
    base = tmp_path / "base"
    repo = base / "re po"
    (repo / "projects" / "train").mkdir(parents=True)
    for folder in (repo, repo / "projects" / "train"):
        (folder / "MLproject").write_text(PROJECT)
    git(repo, "init", "--quiet", "--initial-branch=main")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "-m", "first")
    for name, url in (
        ("cloned", None),
        ("ssh", "ssh://git@example.org/a/b.git"),
        ("scp", "git@example.org:a/b.git"),
        ("token", "https://me:secret@example.org/a.git"),
    ):
        git(base, "clone", "--quiet", str(repo), name)
        if url:
            git(base / name, "remote", "set-url", "origin", url)
    git(base, "clone", "--quiet", str(repo), "two")
    git(base / "two", "remote", "rename", "origin", "zeta")
    git(base / "two", "remote", "add", "origin", "https://example.org/x.git")
    (base / "link").symlink_to(repo)
    (base / "plain").mkdir()
    (base / "plain" / "MLproject").write_text(PROJECT)
    return base


@pytest.mark.mlflow
def test_they_are_those_of_mlflow(folders: Path, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.projects import utils
    from mlflow.tracking._tracking_service.utils import _get_git_url_if_present
    from mlflow.utils.git_utils import get_git_repo_url

    witness: Any = utils
    url_of: Any = _get_git_url_if_present
    monkeypatch.chdir(folders)
    names = ["re po", "cloned", "ssh", "scp", "token", "two", "link", "plain"]
    inner = ("/projects/train", "#projects/train", "/", "")
    uris = [f"{start}{name}{end}" for name in names for end in inner for start in ("", f"{folders}/", "./")]
    for uri in uris:
        if "plain" in uri and "train" in uri:
            continue  # it has no such folder
        local = witness._is_local_uri(uri)
        expected = url_of(witness._expand_uri(uri)) if local else witness._expand_uri(uri)
        found = working_copy.fetch_project(uri, None, folders)
        assert (found.source_name or found.name) == expected, uri
        assert found.repository_url == get_git_repo_url(str(witness._fetch_project(uri))), uri


def test_what_is_no_path_has_no_such_name(tmp_path: Path) -> None:
    assert name_local_source("file:///x", tmp_path) is None
    assert tag_of_repository(None) is None


def test_another_version_of_a_folder_has_the_names_of_the_folder(folders: Path, house: Path) -> None:
    found = working_copy.fetch_project("re po#projects/train", "main", folders)
    try:
        assert (found.source_name, found.repository_url) == ("re po#projects/train", str(folders / "re po"))
    finally:
        working_copy.discard_checkout(found)
