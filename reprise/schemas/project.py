"""What an MLproject file says, as frozen values. ``schemas/loader.py`` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import EnvSpec


class Parameter(NamedTuple):
    """One declared parameter of an entry point; every text in it is as written in the file.

    ``type`` is the canonical word: ``string``, ``float``, ``int``, ``bool``, ``path``, ``uri`` or
    ``list[<one of these>]``. ``default`` is None where there is none.
    """

    name: str
    type: str = "string"
    default: str | None = None
    description: str = ""
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    required: bool = True
    secret: bool = False


class EntryPoint(NamedTuple):
    """A command template (``str.format`` syntax) and the parameters it is filled from."""

    name: str
    command: str
    parameters: Mapping[str, Parameter]


class Project(NamedTuple):
    """A validated project.

    ``root`` is the folder the command runs in; ``file`` is the MLproject file, None for a folder
    without one; ``warnings`` are sentences about what was ignored, each with its position;
    ``environment_reason`` says what decided the environment (``MLproject -> conda_env: conda.yaml``).
    """

    root: Path
    file: Path | None
    name: str | None
    entry_points: Mapping[str, EntryPoint]
    environment: EnvSpec
    warnings: tuple[str, ...] = ()
    environment_reason: str = ""
