"""What a project asks of its environment, line by line, and what of it no file pins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from reprise.envs import registry as envs
from reprise.envs.project_files.requirement_text import join_lines
from reprise.envs.project_files.requirements import NAME as PACKAGE
from reprise.envs.project_files.requirements import canonical_name
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.lint.findings import LintFinding
from reprise.schemas.environment import CONDA_PACKAGE, CondaEnv, DockerEnv, EnvSpec
from reprise.schemas.faults import Findings, shorten_text

NAME = "unpinned-dependency"
_REASON = "later the newest version may differ, and so will the environment"
_FIX = "commit a lock file written by reprise lock, or pin the version exactly, as in name==1.2.3"

_TOOLS = {"pip", "setuptools", "wheel", "uv"}
_INCLUDE = re.compile(r"(?P<option>-r|--requirement|-c|--constraint)[\s=]*(?P<file>\S+)")
_EGG = re.compile(r"#.*?\begg=(?P<name>[\w.\-]+)")
_LAST = re.compile(r"/(?P<name>[A-Za-z][\w.\-]*?)(?:\.git|-\d[^/]*)?(?:@[^/]*)?(?:#.*)?$")
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:#|$)")
_CONDA = re.compile(r"(?:[^\s:]+::)?(?P<name>[\w.\-]+)\s*(?P<rest>.*)")
_CONDA_EXACT = re.compile(r"==[\w.!+]+|=?=?[\w.!+]+=[\w.*]+|=\w+\.\w+\.[\w.]+|[\w!]+\.[\w.!+]+")
_SERIES = re.compile(r"(?:python)?[=~\s]*3\.\d+(?:\.[\d*]+)?(?:=.*)?")


class AskedDependency(NamedTuple):
    """A dependency as written in ``file``; ``kind`` is ``pypi``, ``conda`` or ``python``."""

    text: str
    file: Path
    line: int
    kind: str = "pypi"
    constraint: bool = False

    @property
    def name(self) -> str:
        """Return the canonical name, possibly from a URL; empty for a local project."""
        if _is_bare_url(self.text.removeprefix("-e ")):
            found = _EGG.search(self.text) or _LAST.search(self.text)
            return canonical_name(found["name"]) if found else ""
        if self.kind == CONDA_PACKAGE:
            found = _CONDA.match(self.text)
            return found["name"].lower() if found else ""
        match = None if self.text.startswith((".", "/", "-")) else PACKAGE.match(self.text)
        return canonical_name(match[0]) if match else ""


def find_unpinned(spec: EnvSpec) -> Iterator[LintFinding]:
    """Yield a finding for each unpinned dependency, if there is no lock file."""
    if isinstance(spec, DockerEnv) or lock_file(spec) is not None:
        return
    listed = [*list_asked(spec)]
    held = {item.name for item in listed if item.constraint and is_exact(item)}
    for item in listed:
        if item.constraint or item.name in held | _TOOLS or is_exact(item):
            continue
        series = item.kind == "python"
        what = (
            f'"{shorten_text(redact(item.text))}" does not pin the '
            f"{'Python' if series else 'version'} exactly"
        )
        fix = _FIX.replace("name==1.2.3", "3.12") if series else _FIX
        what += ", and there is no lock file"
        yield LintFinding(NAME, _show_file(item.file, spec.root), item.line, what, _REASON, fix)


def lock_file(spec: EnvSpec) -> Path | None:
    """The lock file beside the project, None where there is none."""
    return envs.manager_for(spec, None).find_lock_file(spec)


def list_asked(spec: EnvSpec) -> Iterator[AskedDependency]:
    """Everything that ``spec`` asks for, with the place at which it is written."""
    if isinstance(spec, DockerEnv):
        return
    file = spec.file or spec.root / "python_env.yaml"
    text = _read_text(file)
    if isinstance(spec, CondaEnv):
        for line in spec.dependencies:
            is_python = re.match(r"(?:\S+::)?python\b(?![\w.\-])", line)
            yield AskedDependency(line, file, _find_line(text, line), "python" if is_python else "conda")
        yield from _read_lines(spec.pip, file, text, spec.root)
        return
    if spec.python is not None and spec.file is not None:
        yield AskedDependency(spec.python, file, _find_line(text, spec.python), "python")
    yield from _read_lines(spec.dependencies, file, text, spec.root)
    if spec.pyproject is not None:
        yield from _of_pyproject(spec.pyproject)


def is_exact(item: AskedDependency) -> bool:
    """Return whether it is pinned to one version. For Python a series (3.11) is enough; local projects are
    part of the source."""
    if item.kind == "python":
        return _SERIES.fullmatch(item.text.rpartition("::")[2].strip()) is not None
    if item.kind == CONDA_PACKAGE:
        return _is_exact_for_conda(item.text)
    return _is_exact_for_pip(item.text)


def _is_exact_for_pip(text: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    if text.startswith((".", "/", "-e .", "-e /")):
        return True
    bare = re.split(r"\s--hash", text.removeprefix("-e "))[0].strip()
    if _is_bare_url(bare):
        return not bare.startswith(("git+", "hg+", "svn+", "bzr+")) or _COMMIT.search(bare) is not None
    try:
        wanted = Requirement(bare)
    except InvalidRequirement:
        return bare.endswith((".whl", ".tar.gz", ".zip")) or "/" in bare
    if wanted.url:
        return _is_exact_for_pip(wanted.url)
    return any(part.operator in ("==", "===") and "*" not in part.version for part in wanted.specifier)


def _is_exact_for_conda(text: str) -> bool:
    if "://" in text or text.endswith((".conda", ".tar.bz2")):
        return True
    found = _CONDA.fullmatch(text.strip())
    return found is not None and _CONDA_EXACT.fullmatch(found["rest"].strip()) is not None


def _is_bare_url(text: str) -> bool:
    return re.match(r"(?:[a-z]+\+)?[a-z]+://|(?:git|hg|svn|bzr)\+", text) is not None


def _read_lines(
    lines: tuple[str, ...] | list[str], file: Path, text: str, root: Path, *, constraint: bool = False
) -> Iterator[AskedDependency]:
    """The requirements in ``lines`` of ``file``, and in the files that they include, once each."""
    for line in join_lines(lines):
        include = _INCLUDE.fullmatch(line)
        if include is None:
            if not line.startswith("-") or line.startswith(("-e ", "--editable")):
                yield AskedDependency(line, file, _find_line(text, line), constraint=constraint)
            continue
        named = root / include["file"]
        inner = _read_text(named)
        if named != file or not constraint:
            is_constraint = constraint or include["option"] in ("-c", "--constraint")
            inside = [own for own in inner.splitlines() if own.strip() != line]  # a file that names itself
            yield from _read_lines(inside, named, inner, named.parent, constraint=is_constraint)


def _of_pyproject(file: Path) -> Iterator[AskedDependency]:
    from reprise.schemas.environment_files import read_toml

    content = read_toml(file, Findings(file.name)) or {}
    text = _read_text(file)
    project = content.get("project")
    listed = project.get("dependencies") if isinstance(project, dict) else None
    for line in listed if isinstance(listed, list) else ():
        yield AskedDependency(str(line), file, _find_line(text, str(line)))


def _find_line(text: str, written: str) -> int:
    """Return the line of ``text`` that contains ``written``, or else its name; 1 if it spans several
    lines.
    """
    name = re.match(r"[\w.\-]+", written)
    for wanted in (written, *([name[0]] if name else [])):
        place = re.search(rf"(?m)(?<![\w.\-]){re.escape(wanted)}(?![\w.\-])", _without_comments(text))
        if place:
            return text.count("\n", 0, place.start()) + 1
    return 1


def _without_comments(text: str) -> str:
    """``text`` with blanks where its lines are comments."""
    return re.sub(r"(?m)^\s*#.*$", lambda match: " " * len(match[0]), text)


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _show_file(file: Path, root: Path) -> str:
    return Path(os.path.relpath(file, root)).as_posix()
