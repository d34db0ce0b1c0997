"""The words of git that sentences and hints are made of: what the real git says today is understood.

git promises no words. Where it says the same otherwise, its own explanation is shown: then
``reprise/runner/vcs/git_faults.py`` has to learn the new words. No other test depends on them.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from reprise.errors import SourceError
from reprise.runner.vcs import git_faults, remotes
from tests.fakes import git_http


def test_a_host_that_wants_credentials(tmp_path: Path) -> None:
    with git_http.serve(tmp_path, credentials="me:right") as server:
        for remote in (
            remotes.Remote(f"{server.url}/x.git"),
            remotes.Remote(f"{server.url}/x.git", "me", "wrong"),
        ):
            with pytest.raises(git_faults.Unauthorized, match="wants credentials that git does not have"):
                remotes.list_refs(remote)


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    with git_http.serve(tmp_path) as server, pytest.raises(SourceError, match="there is no git repository"):
        remotes.list_refs(remotes.Remote(f"{server.url}/x.git"))
    with pytest.raises(SourceError, match="there is no git repository"):
        remotes.list_refs(remotes.Remote(tmp_path.as_uri(), local=True))


def test_a_host_that_does_not_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x.git"
        with pytest.raises(git_faults.RemoteUnreachable, match="cannot be reached"):
            remotes.list_refs(remotes.Remote(url))
