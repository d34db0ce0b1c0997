"""Plain command lines mean the same without click as with it."""

from __future__ import annotations

import sys

import pytest

from reprise.cli import overview, perform_command
from reprise.cli.run import run
from reprise.cli.shortcuts import _FLAGS, _LONG, _REPEATABLE, _VALUES, read_run, take_shortcut
from reprise.cli.verbs import perform_verb


@pytest.mark.parametrize(
    "line",
    [
        ".",
        ". --env-manager=local",
        "--env-manager local . -P a=1 -P b=--c --param-list=c=",
        "/abs -e train -v main --experiment-name=x --run-name y --json --no-wait",
        ". -A gpus=all -A t -b local -c {} --python 3.11 --as-of 2024-01-01 --storage-dir d",
        ". --run-name a --run-name b --run-id - --tracking-uri=x=y --entry-point= --experiment-id 0",
        ". " + " ".join(_FLAGS),
    ],
)
def test_a_plain_run_is_read_as_click_reads_it(line: str) -> None:
    params = run.make_context("run", line.split()).params
    assert params.pop("help_") is False
    assert read_run(line.split()) == params


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a b",
        ". --nope",
        ". --locked=yes",
        ". -ename",
        ". -e",
        ". -- x",
        ". --help",
        ". -",
        "--params-file f .",
    ],
)
def test_what_is_not_plain_is_left_to_click(line: str) -> None:
    assert read_run(line.split()) is None


def test_every_option_of_a_shortcut_is_one_of_the_verb() -> None:
    known = {name for option in run.params for name in option.opts}
    assert {*_FLAGS, *_VALUES, *_REPEATABLE, *_LONG} <= known
    assert all(
        _LONG[short] in option.opts for short in _LONG for option in run.params if short in option.opts
    )


@pytest.mark.parametrize("columns", ["30", "60", "80", "97", "300", "wide"])
def test_the_list_of_verbs_is_that_of_click(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/reprise"])
    for words in (["--help"], ["-h"], ["--version"]):
        assert perform_verb(words) == 0
        expected = capsys.readouterr().out
        assert take_shortcut(words)
        assert capsys.readouterr().out == expected


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("words", ["reprise ", "reprise", "reprise re", "reprise runs", "reprise nothing"])
def test_a_verb_is_completed_as_click_completes_it(
    shell: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["reprise"])
    for name, value in (
        ("_REPRISE_COMPLETE", f"{shell}_complete"),
        ("COMP_WORDS", words),
        ("COMP_CWORD", "1"),
    ):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        perform_verb([])
    expected = capsys.readouterr().out
    assert take_shortcut([])
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("reprise --ver", "1"),
        ("reprise run --en", "2"),
        ("reprise -v ru", "2"),
        ("reprise 'r", "1"),
        ("reprise", ""),
    ],
)
def test_other_words_are_completed_by_click(
    words: str, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", number)
    assert overview.complete_verb("bash_complete") is None
    assert overview.complete_verb("fish_complete") is None


def test_a_verb_of_another_name_is_shown_by_click(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/again"])
    assert perform_command(["--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: again ")
