"""Reading requirement lines and the files that they include into the lines that uv takes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from reprise.envs.project_files.requirement_syntax import fault_of
from reprise.envs.project_files.requirement_text import (
    decode_text,
    expand_variables,
    join_lines,
    number_lines,
    split_options,
    variables_of,
)
from reprise.envs.project_files.requirements import (
    NAME,
    URL,
    LocalProject,
    RequirementOrigin,
    Requirements,
    canonical_name,
    local_path,
)
from reprise.errors import ProjectError

# They decide where and in which form packages are fetched: needed to install as well.
_SOURCES = {
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-index",
    "--no-binary",
    "--only-binary",
}
# uv does these by itself, or they are about how pip works and not about what it finds.
_WITHOUT_EFFECT = {"--use-feature", "--require-hashes"}
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+")
_DEAD_GIT = re.compile(r"git\+git://(?P<place>(?:www\.)?github\.com/.*)")
_EGG = re.compile(r"#.*?\begg=(?P<name>[A-Za-z0-9][\w.\-]*)(?P<extras>\[[^\]]*\])?")


def read_requirements(lines: Iterable[str], root: Path, named_in: Path | None) -> Requirements:
    """Read ``lines`` of ``named_in``, whose includes are relative to ``root``.

    Raises:
        ProjectError: with every line that is not a requirement, and every file or local project that
            does not exist.
    """
    reader = Reader(root)
    for line in join_lines(lines):
        reader.take_line(line, RequirementOrigin(named_in, None, line), root)
    faults = reader.faults
    if len(faults) == 1:
        raise ProjectError(faults[0], faults=faults)
    if faults:
        raise ProjectError(
            f"{len(faults)} requirements are wrong:\n  " + "\n  ".join(faults), faults=faults
        )
    return reader.make_requirements()


class Reader:
    """Takes one line after the other; includes may include each other, and each is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[str] = []
        self._files: dict[Path, str] = {}
        self._lines: list[str] = []
        self._constraints: list[str] = []
        self._origins: list[RequirementOrigin] = []
        self._sources: list[str] = []
        self._local: list[LocalProject] = []
        self._hashes: list[tuple[str, str]] = []
        self._options: list[str] = []
        self._variables: dict[str, str] = {}
        self._notes: list[str] = []

    def make_requirements(self) -> Requirements:
        """All that was read."""
        return Requirements(
            lines=tuple(self._lines),
            files=tuple(self._files.items()),
            sources=tuple(dict.fromkeys(self._sources)),
            local=tuple(dict.fromkeys(self._local)),
            hashes=tuple(dict.fromkeys(self._hashes)),
            constraints=tuple(self._constraints),
            origins=tuple(self._origins),
            options=tuple(self._options),
            variables=tuple(sorted(self._variables.items())),
            notes=tuple(dict.fromkeys(self._notes)),
        )

    def take_line(
        self, line: str, origin: RequirementOrigin, folder: Path, *, constraining: bool = False
    ) -> None:
        """Take in one logical line of a file in ``folder``."""
        self._variables |= {name: os.environ[name] for name in variables_of(line) if name in os.environ}
        line = expand_variables(line, self.root)
        try:
            requirement, options = split_options(line)
        except ValueError as error:
            self._add_fault(origin, str(error))
            return
        if requirement:
            self._add_requirement(requirement, options, origin, constraining=constraining)
            return
        for name, value in options:
            if name in ("--requirement", "--constraint"):
                constraining = constraining or name == "--constraint"
                self._include_file(value, origin, folder, constraining=constraining)
            elif name == "--editable":
                self._add_editable(value, origin)
            else:
                self._add_option(name, value, origin, folder)

    def _add_requirement(
        self,
        text: str,
        options: tuple[tuple[str, str], ...],
        origin: RequirementOrigin,
        *,
        constraining: bool,
    ) -> None:
        hashes = [value for name, value in options if name == "--hash"]
        for name, value in options:
            if name != "--hash":
                self._ignore_option(f"{name} {value}")
        path = local_path(text, self.root, editable=False)
        if path is not None:
            self._add_local(path, text, origin)
        elif URL.match(text) or re.search(r"@\s*\w[\w+.\-]*:", text):
            text = self._make_reachable(text)
        elif sentence := fault_of(text):
            self._add_fault(origin, f'"{text}" {sentence}')
            return
        if found := NAME.match(text):
            self._hashes += [(canonical_name(found[0]), value) for value in hashes]
        line = " ".join([text, *(f"--hash={value}" for value in hashes)])
        if constraining:
            self._constraints.append(line)
        else:
            self._add_line(line, origin)

    def _add_editable(self, value: str, origin: RequirementOrigin) -> None:
        if _VCS.match(value):
            self._add_line(_name_repository(self._make_reachable(value)), origin)
            return
        path = local_path(value, self.root, editable=True)
        if path is not None:
            self._add_local(path, value, origin, editable=True)
        self._add_line(f"-e {value}", origin)

    def _add_local(
        self, path: Path, text: str, origin: RequirementOrigin, *, editable: bool = False
    ) -> None:
        if path.exists():
            self._local.append(LocalProject(path, editable))
        else:
            self._add_missing(text, path, origin)

    def _add_line(self, line: str, origin: RequirementOrigin) -> None:
        self._lines.append(line)
        self._origins.append(origin)

    def _include_file(
        self, value: str, origin: RequirementOrigin, folder: Path, *, constraining: bool
    ) -> None:
        if URL.match(value):
            short = "-c" if constraining else "-r"
            self._add_line(f"{short} {value}", origin)
            return
        path = folder / value
        if path in self._files:
            return
        try:
            text = decode_text(path.read_bytes())
        except FileNotFoundError:
            self._add_missing(origin.text, path, origin)
            return
        except (OSError, UnicodeError, LookupError) as error:
            self._add_fault(origin, f'cannot read "{origin.text}": {error}')
            return
        self._files[path] = text
        for number, line in number_lines(text.splitlines()):
            self.take_line(
                line, RequirementOrigin(path, number, line), path.parent, constraining=constraining
            )

    def _add_option(self, name: str, value: str, origin: RequirementOrigin, folder: Path) -> None:
        if name in _SOURCES:
            if name == "--find-links" and not URL.match(value):
                path = folder / value
                if not path.exists():
                    self._add_missing(origin.text, path, origin)
                    return
                value = str(path)
            line = f"{name} {value}".strip()
            self._sources.append(line)
            self._add_line(line, origin)
        elif name == "--pre":
            self._options += ["--prerelease", "allow"]
        elif name == "--trusted-host":
            self._options += ["--allow-insecure-host", value]
        elif name not in _WITHOUT_EFFECT:
            self._ignore_option(f"{name} {value}".strip())

    def _make_reachable(self, text: str) -> str:
        """``text`` with https for a repository whose host no longer speaks git's own protocol."""
        found = _DEAD_GIT.search(text)
        if found is None:
            return text
        self._notes.append(f"{found[0]} is fetched over https: GitHub has closed the git protocol")
        return f"{text[: found.start()]}git+https://{found['place']}"

    def _ignore_option(self, option: str) -> None:
        self._notes.append(f'"{option}" of a requirement is not passed on to uv')

    def _add_missing(self, line: str, path: Path, origin: RequirementOrigin) -> None:
        self._add_fault(origin, f'"{line}" refers to {path}, which does not exist')

    def _add_fault(self, origin: RequirementOrigin, sentence: str) -> None:
        self.faults.append(f"{_place_of(origin, self.root)}{sentence}")


def _place_of(origin: RequirementOrigin, root: Path) -> str:
    """``requirements.txt:3:1  ``, as near as it is known."""
    file, number, text = origin
    if file is None:
        return ""
    shown = file.relative_to(root) if file.is_relative_to(root) else file
    number = number or line_of(text, file)
    return f"{shown}:{number}:1  " if number else f"{shown}: "


def line_of(text: str, file: Path) -> int | None:
    """The number of the first line of ``file`` that holds ``text``, None where there is none."""
    try:
        lines = decode_text(file.read_bytes()).splitlines()
    except (OSError, UnicodeError, LookupError):
        return None
    return next((number for number, line in enumerate(lines, start=1) if text in line), None)


def _name_repository(url: str) -> str:
    """A repository that pip would keep as an editable checkout, as the plain requirement that uv takes."""
    egg = _EGG.search(url)
    if egg is None:
        return url
    bare, _, fragment = url.partition("#")
    kept = "&".join(part for part in fragment.split("&") if not part.startswith("egg="))
    return f"{egg['name']}{egg['extras'] or ''} @ {bare}{'#' + kept if kept else ''}"
