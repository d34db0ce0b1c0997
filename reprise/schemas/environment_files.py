"""``python_env.yaml``, ``conda.yaml`` and the other files that can say a project's environment."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reprise import __version__
from reprise.schemas import validated_cache
from reprise.schemas.environment import CondaEnv, DockerEnv, EnvSpec, PythonEnv
from reprise.schemas.faults import START, Findings, Position, on_one_line, shorten_text
from reprise.schemas.validation import schema_text, validate_document
from reprise.schemas.yaml.nodes import (
    MAX_BYTES,
    Node,
    ScalarNode,
    entries_of,
    get_child,
    items_of,
    text_of,
    texts_of,
)

_SELECTOR = r"#\s*(\[[^\]]*\])\s*$"
_IGNORED = ("prefix",)
_TOML_PLACE = r"(?P<problem>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)"


def read_yaml(path: Path, schema: str, findings: Findings) -> tuple[Node | None, bytes]:
    """The validated document at ``path`` with the file's bytes; None when it cannot be read."""
    content = read_bytes(path, findings)
    if content is None:
        return None, b""
    text = schema_text(schema)
    digest = hashlib.sha256(b"\0".join([__version__.encode(), text, content])).hexdigest()
    known = validated_cache.recall_file(digest)
    if known is None:
        found = Findings(findings.file)
        root = _validate_content(content, schema, found)
        findings.faults += found.faults
        if root is None or found.faults:
            findings.warnings += found.warnings
            return root, content if root is not None else b""
        known = validated_cache.Known(root, found.warnings)
        validated_cache.remember_file(digest, known)
    findings.warnings += known.warnings
    return known.root, content


def _validate_content(content: bytes, schema: str, findings: Findings) -> Node | None:
    from reprise.schemas.yaml import (
        document,  # with YAML's parser, which a file that is known does not need
    )

    root = document.read_document(content, findings)
    if root is not None:
        validate_document(root, schema, findings)
    return root


def read_bytes(path: Path, findings: Findings) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        findings.add_fault(START, (), f"cannot be read: {error.strerror}")
        return None


def read_python_env(path: Path, root: Path, findings: Findings) -> PythonEnv:
    """What ``path`` says; files that its requirements name are relative to ``root``."""
    node, _ = read_yaml(path, "python_env", findings)
    version = get_child(node, "python")
    python = text_of(version)
    if version is not None and python is not None:
        from reprise.schemas import python_request

        if sentence := python_request.fault_of(python):
            findings.add_fault(version.at, ("python",), sentence)
    return PythonEnv(
        root=root,
        file=path,
        python=python,
        build_dependencies=texts_of(get_child(node, "build_dependencies")),
        dependencies=texts_of(get_child(node, "dependencies")),
    )


def read_conda_env(path: Path, root: Path, findings: Findings) -> CondaEnv:
    node, content = read_yaml(path, "conda_env", findings)
    for key, entry in entries_of(node).items():
        if key in _IGNORED:
            findings.add_warning(entry.key_at, (), f'"{key}" is ignored')
    listed = get_child(node, "dependencies")
    _warn_of_selectors(items_of(listed), content, findings)
    _refuse_carets(items_of(listed), findings)
    return CondaEnv(
        root=root,
        file=path,
        name=text_of(get_child(node, "name")),
        channels=texts_of(get_child(node, "channels")),
        dependencies=texts_of(listed),
        pip=tuple(line for item in items_of(listed) for line in texts_of(get_child(item, "pip"))),
        variables=tuple(
            (variable, text)
            for variable, entry in entries_of(get_child(node, "variables")).items()
            if (text := text_of(entry.value)) is not None
        ),
    )


def _refuse_carets(dependencies: Sequence[Node], findings: Findings) -> None:
    """``python=^3.11`` is Poetry's; what begins with ``^`` and ends with ``$`` is a pattern of conda's."""
    for number, dependency in enumerate(dependencies, start=1):
        text = text_of(dependency) or ""
        if re.search(r"[=\s]\^\s*\d[^$]*$", text):
            sentence = f'"{text}" is not a package: "^" is Poetry\'s; write ">=3.11,<4" for "^3.11"'
            findings.add_fault(dependency.at, ("dependencies", f"item {number}"), sentence)


def _warn_of_selectors(dependencies: Sequence[Node], content: bytes, findings: Findings) -> None:
    """Return a selector such as conda-build's ``# [linux]``, a comment for other tools."""
    lines = content.decode("utf-8-sig").splitlines()
    for number, dependency in enumerate(dependencies, start=1):
        for item in (dependency, *items_of(get_child(dependency, "pip"))):
            selector = re.search(_SELECTOR, lines[item.at.line - 1])
            if isinstance(item, ScalarNode) and selector:
                at = Position(item.at.line, selector.start() + 1)
                sentence = f'the selector "{selector[1]}" is ignored: the package is always installed'
                findings.add_warning(at, ("dependencies", f"item {number}"), sentence)


def read_named_environment(
    key: str, node: Node, root: Path, findings: Findings, *, check_file: bool
) -> tuple[EnvSpec, Findings | None]:
    """The environment that ``key`` of an MLproject in ``root`` says, and what was found in its file.

    With ``check_file`` off the file is neither wanted nor read: the spec only names it.
    """
    if key == "docker_env":
        return _docker_env(node, root), None
    name = text_of(node)
    if not name:
        return PythonEnv(root), None
    if check_file and not is_file(root / name):
        findings.add_fault(node.at, (key,), _find_absence(root / name, name))
        return PythonEnv(root), None
    return read_named(key, name, root, check_file=check_file)


def is_file(path: Path) -> bool:
    """Is there a file? No also where it cannot be known (a name that is too long, a closed folder)."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_named(key: str, name: str, root: Path, *, check_file: bool) -> tuple[EnvSpec, Findings | None]:
    """The environment that the file ``name`` says, whose key in an MLproject is ``key``."""
    path, inner = root / name, Findings(on_one_line(name))
    if not check_file:
        return (PythonEnv(root, path) if key == "python_env" else CondaEnv(root, path)), None
    if key == "python_env":
        return read_python_env(path, root, inner), inner
    return read_conda_env(path, root, inner), inner


def _docker_env(node: Node, root: Path) -> DockerEnv:
    variables: list[str | tuple[str, str]] = []
    for item in items_of(get_child(node, "environment")):
        if (text := text_of(item)) is not None:
            variables.append(text)
        elif len(pair := texts_of(item)) == 2:
            variables.append((pair[0], pair[1]))
    return DockerEnv(
        root=root,
        image=text_of(get_child(node, "image")) or "",
        volumes=texts_of(get_child(node, "volumes")),
        environment=tuple(variables),
    )


def _find_absence(path: Path, name: str) -> str:
    from difflib import get_close_matches

    try:
        if path.is_dir():
            return f'"{shorten_text(name)}" is a folder'
        near = get_close_matches(
            path.name, (other.name for other in path.parent.iterdir()), n=1, cutoff=0.7
        )
    except OSError:
        near = []
    hint = f'; did you mean "{shorten_text((Path(name).parent / near[0]).as_posix())}"?' if near else ""
    return f'there is no file "{shorten_text(name)}"{hint}'


def read_toml(path: Path, findings: Findings) -> dict[str, Any] | None:
    """The content of a TOML file; None when it is none, which is then a fault."""
    import tomllib

    content = read_bytes(path, findings)
    if content is None:
        return None
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        findings.add_fault(START, (), "the file is not UTF-8")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.fullmatch(_TOML_PLACE, str(error))
        at = Position(int(place["line"]), int(place["column"])) if place else START
        findings.add_fault(at, (), f"not TOML: {place['problem'] if place else error}")
    return None
