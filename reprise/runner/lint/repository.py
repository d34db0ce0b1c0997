"""What a clone of the project by another user would lack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from reprise.runner.lint.findings import LintFinding
from reprise.runner.lint.mlproject_lines import Declared
from reprise.runner.vcs import repositories
from reprise.schemas.job import Checkout, Repository

_NAMED = 3
_GITLINK = "160000 "
_LINK = "120000"


def find_faults(checkout: Checkout, declared: Declared) -> Iterator[LintFinding]:
    """Yield findings about the git state; for a freshly fetched project only those about submodules."""
    repository = checkout.repository
    if repository is None:
        return
    if checkout.temporary is None:
        if repository.dirty:
            yield _find_dirty(repository, declared)
        yield from _find_unpushed(repository, declared)
        yield from _find_pointers(repository, declared)
    yield from _find_links(checkout, repository)
    yield from _find_submodules(checkout, repository)


def _find_dirty(repository: Repository, declared: Declared) -> LintFinding:
    tree = repository.tree.flatten
    names = sorted([*tree.files, *tree.absent, *(item.path for item in tree.modules if item.is_moved)])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return LintFinding(
        "dirty-tree",
        declared.file,
        0,
        f"uncommitted changes: {', '.join(names[:_NAMED])}{more}",
        "no commit contains what would run, only the record of a run does",
        "commit them, or add files that are not source to .gitignore",
    )


def _find_unpushed(repository: Repository, declared: Declared) -> Iterator[LintFinding]:
    if repository.commit is None:
        what, fix = "there is no commit yet", "commit the project, and push it"
    elif _is_on_a_remote(repository.root, repository.commit):
        return
    else:
        what = f"commit {repository.commit[:12]} is on no branch of a remote"
        fix = "git push" if repository.url else "git remote add origin URL, and git push"
    reason = "other users cannot fetch it, and it is lost with this copy"
    yield LintFinding("unpushed-commit", declared.file, 0, what, reason, fix)


def _find_pointers(repository: Repository, declared: Declared) -> Iterator[LintFinding]:
    if names := repository.tree.flatten.pointers:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        what = f"pointers of Git LFS in place of the content: {', '.join(names[:_NAMED])}{more}"
        reason = "a run here reads the pointers; a run of a clone with git-lfs reads the content"
        yield LintFinding("large-file", declared.file, 0, what, reason, "git lfs pull")


def _find_links(checkout: Checkout, repository: Repository) -> Iterator[LintFinding]:
    """Links of the commit that lead out of it."""
    root = repository.root.resolve()
    for name in _list_tracked(repository, _LINK):
        link = root / name
        target = Path(os.path.realpath(link))
        if link.is_symlink() and not target.is_relative_to(root):
            file = Path(os.path.relpath(link, checkout.path.resolve())).as_posix()
            what = f"the link points outside the project, to {target}"
            reason = "the commit contains the link but not its target"
            fix = "move the target into the project, or make it a parameter of type path"
            yield LintFinding("outside-data", file, 0, what, reason, fix)


def _list_tracked(repository: Repository, mode: str) -> Iterator[str]:
    """The files of the index that have that mode, in git's words."""
    listing = os.fsdecode(repositories.ask_git(repository.root, "ls-files", "--stage", "-z").stdout)
    entries = (entry.partition("\t") for entry in listing.split("\0"))
    return (name for facts, _, name in entries if facts.startswith(f"{mode} "))


def _find_submodules(checkout: Checkout, repository: Repository) -> Iterator[LintFinding]:
    fetched = checkout.temporary is not None  # then its commits have just come from there
    listing = os.fsdecode(repositories.ask_git(repository.root, "ls-files", "--stage", "-z").stdout)
    for entry in listing.split("\0"):
        if not entry.startswith(_GITLINK):
            continue
        facts, _, name = entry.partition("\t")
        commit, folder = facts.split()[1], repository.root / name
        if not (folder / ".git").exists():
            what, fix = (
                f"the submodule {name} is not initialised",
                "git submodule update --init --recursive",
            )
            reason = "its folder is empty, and so is that of a run"
        elif fetched:
            continue
        elif repositories.ask_git(folder, "cat-file", "-e", f"{commit}^{{commit}}").exit_code != 0:
            what = f"the submodule {name} does not have commit {commit[:12]}, which the project refers to"
            reason, fix = "a clone of the project cannot check it out", "git submodule update --init"
        elif not _is_on_a_remote(folder, commit):
            what = f"commit {commit[:12]} of the submodule {name} is on no branch of its remote"
            reason, fix = "a clone of the project cannot fetch it", f"git -C {name} push"
        else:
            continue
        yield _of_submodule(checkout.path, repository.root, name, what, reason, fix)


def _of_submodule(project: Path, root: Path, name: str, what: str, reason: str, fix: str) -> LintFinding:
    """At the line of .gitmodules that names the submodule."""
    modules = root / ".gitmodules"
    file = Path(os.path.relpath(modules, project.resolve())).as_posix()
    try:
        lines = modules.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    paths = (number for number, line in enumerate(lines, 1) if _path_of(line) == name)
    return LintFinding("submodule", file, next(paths, 0), what, reason, fix)


def _path_of(line: str) -> str | None:
    key, equals, value = line.partition("=")
    return value.partition("#")[0].strip().strip('"') if equals and key.strip() == "path" else None


def _is_on_a_remote(folder: Path, commit: str) -> bool:
    found = repositories.ask_git(folder, "for-each-ref", "--contains", commit, "--count=1", "refs/remotes")
    return found.exit_code == 0 and bool(found.stdout.strip())
