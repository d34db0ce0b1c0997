"""What to resolve, and how: the values of a resolution."""

from __future__ import annotations

from pathlib import Path

from reprise.envs.project_files.pyproject import Pyproject
from reprise.envs.project_files.requirements import Requirements
from reprise.envs.pythons.interpreters import Interpreter
from reprise.envs.virtualenv.pins import Pin
from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import Policy, PythonEnv


class ResolutionQuestion(NamedTuple):
    """``asked`` are the lines of ``spec``, ``project`` what its pyproject.toml adds; ``log`` is for uv."""

    spec: PythonEnv
    asked: Requirements
    project: Pyproject
    policy: Policy
    log: Path

    @property
    def python(self) -> str | None:
        """The Python that is wanted: the user's word comes before the project's. None: any."""
        return self.policy.python or self.spec.python or self.project.python

    @property
    def title(self) -> str:
        return str(self.spec.file or self.spec.root)


class Resolved(NamedTuple):
    """``note`` is said whenever this resolution is used; empty: there is nothing to say.

    ``taken_from`` is the name of the lock file that was used, None if uv resolved. ``notes`` are sentences
    on decisions; ``as_of`` is the upload limit of packages.
    """

    pins: tuple[Pin, ...]
    python: Interpreter
    note: str = ""
    taken_from: str | None = None
    notes: tuple[str, ...] = ()
    as_of: str | None = None
