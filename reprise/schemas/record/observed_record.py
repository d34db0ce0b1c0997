"""What a run was seen to touch, as a part of its record."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.named_tuple import NamedTuple


class ObservedInput(NamedTuple):
    """A file that was read before the run itself wrote it, or ``files`` of them below a folder.

    ``path`` is relative to the root of the source if it is inside, else absolute. ``kind`` is ``file``,
    ``module`` (code or a library from outside the project and its environment), ``folder``, or ``named``:
    on the command line of a program that is not observed. Without a digest, ``note`` says why. The digest
    of a folder is that of a line ``path NUL sha256 LF`` for each of the files, sorted by path.
    """

    path: str
    kind: str
    size: int | None = None
    digest: str | None = None
    files: int = 1
    note: str = ""


class VariableRecord(NamedTuple):
    """An environment variable that was asked for by name; ``digest`` is None where it was not set."""

    name: str
    digest: str | None = None


class InterpreterRecord(NamedTuple):
    """A Python that ran. ``packages`` are its distributions; None where the environment says them."""

    executable: str
    python: str
    prefix: str
    packages: Mapping[str, str] | None = None


class ProcessRecord(NamedTuple):
    pid: int
    parent: int
    program: str


class ObservedRecord(NamedTuple):
    """What the processes of a run did.

    ``missing`` were looked for but did not exist; they and ``written`` are paths like those of inputs.
    ``hosts`` are ``name:port`` without this machine's loopback. ``salt`` identifies the secret of the
    machine used for the digests of ``variables``: those of different machines cannot be compared.
    ``faults`` are sentences on what could not be observed.
    """

    inputs: tuple[ObservedInput, ...] = ()
    missing: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    variables: tuple[VariableRecord, ...] = ()
    salt: str = ""
    interpreters: tuple[InterpreterRecord, ...] = ()
    processes: tuple[ProcessRecord, ...] = ()
    faults: tuple[str, ...] = ()
