"""The list of verbs: shown and completed without loading any of them, or the parser of options."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

SUMMARY = "Run MLflow MLproject projects so that every run can be performed again, exactly."
MOST_COLUMNS = 100
OPTIONS = {
    "--version": "Show the version and exit.",
    "-v, --verbose": "Show what reprise does internally.",
    "-q, --quiet": "Only show warnings and errors.",
    "-h, --help": "Show this message and exit.",
}
# verb -> (module of reprise.cli, and the name of its command; one line for the list of verbs)
VERBS = {
    "run": ("run", "Run a project: a folder, a git URL or an archive."),
    "sweep": ("sweep", "Try many settings of parameters, and find the best."),
    "reproduce": ("reproduce", "Rerun a recorded run and compare the results."),
    "verify": ("verify", "Check whether two runs have the same results."),
    "diff": ("diff", "Show the differences between two runs."),
    "bundle": ("bundle", "Export a run to one file that can be rerun on any machine."),
    "lock": ("lock", "Lock the exact packages of a project."),
    "check": ("check", "Check a project for errors."),
    "runs": ("runs", "List, show, follow, stop and delete runs."),
    "env": ("env", "Manage environments: list, inspect, enter, remove."),
    "experiments": ("experiments", "Manage experiments: list, create, rename, delete."),
    "artifacts": ("artifacts", "List, download and upload the files of a run."),
    "models": ("models", "Manage models: register, serve, package, delete."),
    "import": ("import_", "Import runs from MLflow: a folder, database or server."),
    "push": ("push", "Send runs to an MLflow server."),
    "backup": ("backup", "Back up a store to one file."),
    "restore": ("backup", "Restore a store from a backup."),
    "gc": ("gc", "Permanently remove deleted runs and experiments."),
    "users": ("users", "Manage the users of a server."),
    "ui": ("ui", "View and compare runs in a browser."),
    "server": ("server", "Serve the store over MLflow's REST API."),
}


def find_verbs(beginning: str) -> list[tuple[str, str]]:
    """The verbs that begin so, each with its line for the list."""
    return [(verb, line) for verb, (_, line) in VERBS.items() if verb.startswith(beginning)]


def make_help() -> str:
    """What ``reprise --help`` prints, as wide as the terminal allows."""
    width = max(min(_terminal_columns(), MOST_COLUMNS) - 2, 50)
    return "\n".join(
        [
            "Usage: reprise [OPTIONS] COMMAND [ARGS]...",
            "",
            *_wrap(SUMMARY, width, "  ", "  "),
            "",
            "Options:",
            *_rows(OPTIONS.items(), width),
            "",
            "Commands:",
            *_rows(find_verbs(""), width),
        ]
    )


def complete_verb(shell: str) -> list[str] | None:
    """The lines that ``shell`` expects for the word of ``COMP_WORDS`` that is a verb in the making.

    None where another word is completed, or in another way.
    """
    _, _, beginning = os.environ.get("COMP_WORDS", "").partition(" ")
    if os.environ.get("COMP_CWORD") != "1" or not (beginning.isalpha() or not beginning):
        return None
    match shell:
        case "bash_complete":
            return [f"plain,{verb}" for verb, _ in find_verbs(beginning)]
        case "zsh_complete":
            return [f"plain\n{verb}\n{line}" for verb, line in find_verbs(beginning)]
        case _:
            return None


def _rows(items: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    items = list(items)
    column = max(len(term) for term, _ in items) + 2
    for term, text in items:
        yield from _wrap(text, width, f"  {term.ljust(column)}", " " * (column + 2))


def _wrap(text: str, width: int, first: str, others: str) -> Iterator[str]:
    line, is_begun = first, False
    for word in text.split():
        if is_begun and len(line) + 1 + len(word) > width:
            yield line
            line, is_begun = others, False
        line += f" {word}" if is_begun else word
        is_begun = True
    yield line


def _terminal_columns() -> int:
    """As ``shutil.get_terminal_size`` says, which takes a tenth of a start to import."""
    if (given := os.environ.get("COLUMNS", "")).isdigit() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80
