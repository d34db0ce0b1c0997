"""The pip section of a conda.yaml: resolved by uv for the conda Python, and installed on top.

Conda packages take precedence: uv gets them as the only available versions, so that they are not replaced
from the index, and conflicts are errors.
"""

from __future__ import annotations

import json
import logging
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from reprise.envs import platforms
from reprise.envs.conda import records as conda_records
from reprise.envs.conda.records import CondaLock, CondaRecord, PipPart
from reprise.envs.project_files import hashes, local_projects
from reprise.envs.project_files.credentials import collect_credentials, hide_credentials
from reprise.envs.project_files.requirements import Requirements
from reprise.envs.pypi import uv, uv_failures
from reprise.envs.pythons.candidates import Candidate
from reprise.envs.virtualenv import (
    installing,
    pins,
    resolving,
    translate,
    user_words,
)
from reprise.envs.virtualenv.pins import Pin
from reprise.envs.virtualenv.uv_compile import compile_requirements
from reprise.errors import EnvError
from reprise.file_lock import scratch
from reprise.schemas.environment import NO_CREDENTIALS, CondaEnv, Credentials, Lock, Policy, PythonEnv

logger = logging.getLogger(__name__)


def resolve_pip(
    spec: CondaEnv,
    asked: Requirements,
    records: Sequence[CondaRecord],
    platform: str,
    policy: Policy,
    log: Path,
    preferred: Iterable[Pin] = (),
) -> PipPart:
    """What the pip section adds to ``records``.

    Args:
        preferred: versions to keep where the requirements allow it.

    Raises:
        EnvError: there is no resolution.
    """
    held = _python_packages(records)
    python = python_of(records, spec.file).version
    kept = [pin.head for pin in preferred if "==" in pin.head]
    result = _compile_lines(spec, asked, asked.lines, held, python, platform, policy, log, kept)
    markers = (
        pins.marker_environment("CPython", python) if platform == conda_records.current_platform() else None
    )
    lines = hashes.honour_hashes(result.splitlines(), asked.hashes)
    return make_part(spec, asked, pins.read_pins(lines, markers, spec.file.parent))


def write_pylock(spec: CondaEnv, asked: Requirements, found: CondaLock, policy: Policy, log: Path) -> str:
    """The resolved pip part in the format that names every file of a package, as TOML.

    Raises:
        EnvError: uv could not.
    """
    held = _python_packages(found.records)
    python = python_of(found.records, spec.file).version
    lines = (*found.pip.sources, *found.pip.requirements)
    options = ("--no-deps", "--format", "pylock.toml")
    known = collect_credentials(asked.texts)
    nothing = Requirements(())
    return _compile_lines(
        spec, nothing, lines, held, python, found.platform, policy, log, options=options, credentials=known
    )


def _compile_lines(
    spec: CondaEnv,
    asked: Requirements,
    lines: Iterable[str],
    held: dict[str, str],
    python: str,
    platform: str,
    policy: Policy,
    log: Path,
    preferred: Sequence[str] = (),
    options: Sequence[str] = ("--generate-hashes", "--no-annotate"),
    credentials: Credentials = NO_CREDENTIALS,
) -> str:
    arguments = [*options, *asked.options]
    if platform != conda_records.current_platform():
        arguments += ["--python-platform", platforms.uv_name(platform)]
    for name in held:
        arguments += ["--no-emit-package", name]
    wanted = uv.requirements_file(lines, credentials, asked.constraints)
    with _stub_wheels(held, python) as stubs, wanted as source:
        pinned = [f"{name}=={version}" for name, version in held.items()]
        arguments += ["--constraints", str(_write_beside(source, "conda.txt", pinned)), str(source)]
        arguments.append(str(_write_beside(source, "stubs.txt", [f"--find-links {stubs}"])))
        if preferred:
            arguments += ["--output-file", str(_write_beside(source, "preferred.txt", preferred))]
        done = compile_requirements(
            arguments,
            Candidate(python),
            cwd=spec.file.parent,
            log=log,
            offline=policy.offline,
            as_of=policy.as_of,
        )
    if done.result.exit_code == 0:
        for note in done.notes:
            logger.info("%s", note)
        return done.result.stdout
    what = f"cannot resolve the pip section of {spec.file}"
    error = uv_failures.explain_failure(
        what,
        done.result,
        log,
        offline=policy.offline,
        as_of=policy.as_of,
        written=partial(user_words.of_requirement, as_python(spec), asked),
    )
    raise _explain_conflict(error, held)


def make_part(spec: CondaEnv, asked: Requirements, found: Iterable[Pin]) -> PipPart:
    """``found`` as the lock keeps it; a folder of this machine only where something is linked to there."""
    folder = spec.file.parent.absolute()
    kept = [pin._replace(head=pin.head.removeprefix("-e ")) if spec.passing else pin for pin in found]
    local = tuple(_local_project(folder, pin) for pin in kept if pin.path)
    return PipPart(
        sources=tuple(map(hide_credentials, resolving.project_sources(as_python(spec), asked))),
        requirements=tuple(map(hide_credentials, pins.format_lines(kept))),
        local=local,
        root=str(folder) if any(project["editable"] for project in local) else "",
    )


def as_python(spec: CondaEnv) -> PythonEnv:
    """Return the pip section alone; its files are relative to the file that contains it."""
    folder = spec.file.parent.absolute()
    return PythonEnv(folder, spec.file, dependencies=spec.pip, passing=spec.passing)


def install_pip(lock: Lock, prefix: Path, policy: Policy, log: Path) -> None:
    """Install the locked pip part into ``prefix``, each package checked against its hash.

    Raises:
        EnvError: uv failed, or a local project does not match the lock.
    """
    facts = json.loads(lock.text)
    if not facts.get("requirements"):
        return
    root = installing.root_of(lock, facts, prefix)
    # A conda Python may say that only conda manages it; here we are its conda.
    arguments = ["pip", "install", "--python", str(prefix / "bin" / "python"), "--break-system-packages"]
    arguments += ["--no-deps", *installing.taken_from(policy)]
    if not facts.get("local") and installing.all_hashed(facts["requirements"]):
        arguments.append("--require-hashes")
    built = any(not project["editable"] for project in facts.get("local", ()))
    if built and not (policy.offline or uv.is_offline()):
        # uv keeps what it built from a folder for as long as the folder's pyproject.toml is untouched.
        arguments.append("--refresh")
    lines = () if policy.packages else facts["sources"]
    sources = (installing.anchor_option(line, root) for line in lines)
    with uv.requirements_file((*sources, *facts["requirements"]), lock.credentials) as source:
        arguments += ["-r", str(source)]
        environ = installing.uv_settings(policy)
        done = uv.call_uv(arguments, log=log, cwd=root or prefix, environ=environ, offline=policy.offline)
    if done.exit_code != 0:
        what = f"cannot install the pip section of environment {prefix.name}"
        raise uv_failures.explain_failure(what, done, log, offline=policy.offline)


def python_of(records: Iterable[CondaRecord], file: Path) -> CondaRecord:
    """The record of Python.

    Raises:
        EnvError: there is none.
    """
    for record in records:
        if record.name == "python":
            return record
    raise EnvError(f"{file} has a pip section and no Python", hint="add python to its dependencies")


def _python_packages(records: Iterable[CondaRecord]) -> dict[str, str]:
    """The names on the index, with versions, of the conda packages that are Python distributions."""
    from packaging.version import InvalidVersion, Version

    found: dict[str, str] = {}
    for record in records:
        if record.noarch != "python" and not any(
            re.match(r"python(_abi)?(\s|$)", s) for s in record.depends
        ):
            continue
        name = translate.index_name(record.name)
        try:
            version = str(Version(record.version))
        except InvalidVersion:
            continue
        if name is not None:
            found.setdefault(name, version)
    return found


@contextmanager
def _stub_wheels(held: dict[str, str], python: str) -> Iterator[Path]:
    """A folder of wheels of nothing but a name and a version: for uv, what conda installs is on an index.

    The index that the user has need not have the versions that conda has.
    """
    tag = "py2" if python.startswith("2.") else "py3"
    with scratch() as folder:
        for name, version in held.items():
            stem = f"{name.replace('-', '_')}-{version}"
            files = {
                "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}-none-any\n",
                "RECORD": "",
            }
            with zipfile.ZipFile(Path(folder) / f"{stem}-{tag}-none-any.whl", "w") as wheel:
                for file, text in files.items():
                    wheel.writestr(f"{stem}.dist-info/{file}", text)
        yield Path(folder)


def _write_beside(source: Path, name: str, lines: Iterable[str]) -> Path:
    path = source.with_name(name)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _explain_conflict(error: EnvError, held: dict[str, str]) -> EnvError:
    """``error``, whose hint names the packages of conda that uv could not do with."""
    named = [f"{name} {held[name]}" for name in held if re.search(rf"\b{re.escape(name)}==", error.message)]
    if not named:
        return error
    return EnvError(
        error.message,
        hint=f"conda installs {', '.join(named)}, and the pip section cannot replace it: "
        "pin it once, in the conda part",
    )


def _local_project(folder: Path, pin: Pin) -> dict[str, Any]:
    assert pin.path is not None
    digest = local_projects.digest_project(folder / pin.path, editable=pin.editable)
    return {"path": pin.path, "editable": pin.editable, "digest": digest}
