from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprise import process
from reprise.errors import SourceError
from reprise.runner.vcs import git, git_faults, remotes
from tests.fakes import repositories


def test_the_users_own_configuration_in_the_environment_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.nickname")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "mine")
    asked = git.run_git("config", "--get", "user.nickname", environ=git.make_environment([("a.b", "c")]))
    assert asked.stdout == "mine\n"
    assert git.run_git("config", "--get", "core.hooksPath").stdout == "/dev/null\n"
    assert (
        git.run_git("config", "--get", "a.b", environ=git.make_environment([("a.b", "c")])).stdout == "c\n"
    )


def test_no_git_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SourceError, match="git was not found") as caught:
        git.run_git("version")
    assert caught.value.exit_code == 3
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-upload-pack=x", "dash"),
        ("ext::sh -c x", "transport"),
        ("::x", "transport"),
        ("a\nb", "control"),
        ("a\0b", "control"),
        ("a\x7fb", "control"),
        ("https://host/a::b", None),
        ("feature/x", None),
    ],
)
def test_refusal(text: str, reason: str | None) -> None:
    told = git.find_refusal(text)
    assert (told is None) if reason is None else (told is not None and reason in told)


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("warning: redirecting\nfatal: repository 'x' not found\n", "repository 'x' not found"),
        (
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
            "git@h: Permission denied (publickey).",
        ),
        (
            "fatal: could not read Password for 'https://me:pw@h.org'",
            "could not read Password for 'https://h.org'",
        ),
        ("", "no reason given"),
    ],
)
def test_reason_is_the_first_thing_that_says_why(stderr: str, reason: str) -> None:
    assert git.find_reason(stderr) == reason


def test_find_commit(tmp_path: Path) -> None:
    folder = repositories.make(tmp_path / "r", {"a": "1"})
    full = repositories.git(folder, "rev-parse", "HEAD")
    assert git.find_commit(folder, full[:7]) == full
    assert git.find_commit(folder, "main") == full
    assert git.find_commit(folder, "nope") is None
    assert git.find_commit(folder, "--all") is None
    with pytest.raises(SourceError, match="git cannot read"):
        git.find_commit(tmp_path, "main")


def test_helpers_of_transports_are_not_started(tmp_path: Path) -> None:
    """The last door, should a trick pass the first one."""
    remote = remotes.Remote(f"ext::sh -c 'touch {tmp_path}/sprung'")
    with pytest.raises(SourceError):
        remotes.list_refs(remote)
    assert not (tmp_path / "sprung").exists()


def test_the_network_does_not_lead_to_local_files(tmp_path: Path) -> None:
    folder = repositories.make(tmp_path / "r", {"a": "1"})
    with pytest.raises(SourceError):
        remotes.list_refs(remotes.Remote(folder.as_uri()))
    assert "refs/heads/main" in remotes.list_refs(remotes.Remote(folder.as_uri(), local=True))


def test_ssh_asks_nobody_without_a_terminal_and_keeps_the_users_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexit 255\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SourceError):
        remotes.list_refs(remotes.Remote("git@host.example:team/x.git"))
    assert "-oBatchMode=yes" in (tmp_path / "arguments").read_text()
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    with pytest.raises(SourceError):
        remotes.list_refs(remotes.Remote("git@host.example:team/x.git"))
    assert "BatchMode" not in (tmp_path / "arguments").read_text()


def test_a_process_of_ours_shows_no_password(caplog: pytest.LogCaptureFixture) -> None:
    remote = remotes.Remote("http://127.0.0.1:1/x.git", user="me", password="hunter2")
    with caplog.at_level("DEBUG"), pytest.raises(git_faults.RemoteUnreachable) as caught:
        remotes.list_refs(remote)
    assert "hunter2" not in caplog.text + repr(caught.value) + repr(remote)
    assert isinstance(remotes.run_with_credentials(remote, "version"), process.Completed)
