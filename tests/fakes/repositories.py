"""Real git repositories of a known shape, made once for all tests that fetch them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

MLPROJECT = "name: demo\nentry_points:\n  main:\n    command: echo hi\n"


def git(cwd: Path, *arguments: str) -> str:
    """Run git as the test's own hand, not through the code that is tested."""
    identity = {
        f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    environ = {
        **os.environ,
        **identity,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "file",
    }
    done = subprocess.run(["git", *arguments], cwd=cwd, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make(folder: Path, files: dict[str, str]) -> Path:
    """A repository of one commit on ``main``."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, files, "first")
    return folder


def commit(folder: Path, files: dict[str, str], message: str) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@dataclass(frozen=True)
class Demo:
    """``origin`` is a work tree, ``served`` holds ``team/demo.git`` and ``team/part.git``.

    On main: ``first`` (tag v1, annotated tag v1a), ``second`` (with the submodule ``part``).
    On feature/x: ``feature``, made from ``first``. ``sub.v2/proj`` is a project in each.
    """

    origin: Path
    served: Path
    first: str
    second: str
    feature: str


def demo(root: Path) -> Demo:
    origin = make(
        root / "origin", {"MLproject": MLPROJECT, "sub.v2/proj/MLproject": MLPROJECT, "n.txt": "first"}
    )
    first = git(origin, "rev-parse", "HEAD")
    git(origin, "tag", "v1")
    git(origin, "tag", "--annotate", "--message=annotated", "v1a")
    git(origin, "checkout", "--quiet", "-b", "feature/x")
    feature = commit(origin, {"n.txt": "feature"}, "feature")
    git(origin, "checkout", "--quiet", "main")
    served = root / "served"
    part = make(root / "part", {"part.txt": "part"})
    git(root, "clone", "--quiet", "--bare", str(part), str(served / "team" / "part.git"))
    git(origin, "submodule", "--quiet", "add", str(served / "team" / "part.git"), "part")
    git(origin, "config", "--file=.gitmodules", "submodule.part.url", "../part.git")
    second = commit(origin, {"n.txt": "second"}, "second")
    git(root, "clone", "--quiet", "--bare", str(origin), str(served / "team" / "demo.git"))
    return Demo(origin, served, first, second, feature)
