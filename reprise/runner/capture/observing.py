"""Prepare the observation of a run: set where its processes write notes, and note what is known now."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from reprise import durable, paths
from reprise.envs.base import OBSERVED_VARIABLE, OBSERVER_VARIABLE, EnvManager
from reprise.envs.registry import MANAGERS
from reprise.named_tuple import NamedTuple
from reprise.runner.capture import variables
from reprise.runner.capture.command_words import keep_observed, read_command
from reprise.runner.capture.observed import BEGAN, FOLDER
from reprise.runner.jobs.stores import STORE_VARIABLE
from reprise.runner.planning.plan import Plan
from reprise.schemas.environment import Environment
from reprise.schemas.job import Command
from reprise.schemas.json_text import read_json
from reprise.schemas.record.run_record import to_plain, value_of
from reprise.schemas.work_tree import Standing, WorkTree

log = logging.getLogger(__name__)

OBSERVER = Path(__file__).parent / "observer"
"""The folder in which Python processes find our ``sitecustomize``."""


class Beginning(NamedTuple):
    """What is known at the start of the job, stored in its folder for the process that closes the run.

    ``root`` is that of the source. Files in the folders ``apart`` are not inputs: stores, caches,
    environments. In the source, git ignores ``ignored``, and earlier runs have left ``left``: these are
    stored if the run reads them. The command names ``programs``, files of programs that are not observed
    (``named``), and variables (``asked``). ``digests`` are those of the variables, with ``salt``.
    """

    root: str
    apart: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    digests: Mapping[str, str] = {}
    salt: str = ""
    fault: str | None = None


def observe_command(command: Command, plan: Plan, environment: Environment, job: Path) -> Command:
    """``command``, entered, with its Python processes observed into the folder ``job``.

    Where that cannot be prepared, the command as it is, with a warning.
    """
    manager = MANAGERS[environment.manager]
    notes = job / FOLDER
    try:
        notes.mkdir(mode=0o700)
        durable.write_note(notes / BEGAN, json.dumps(to_plain(_make_beginning(command, plan, manager))))
    except OSError as error:
        log.warning("The run is not observed: %s", error)
        return command
    *words, text = command.argv
    if text == plan.invocation.command:  # without surrounding quotes
        command = command._replace(argv=(*words, keep_observed(text)))
    return manager.observe(environment, command, OBSERVER, notes)


def read_beginning(job: Path) -> Beginning:
    """What :func:`observe_command` kept.

    Raises:
        OSError, ValueError, TypeError: it cannot be read.
    """
    found = value_of(Beginning, read_json((job / FOLDER / BEGAN).read_bytes()))
    assert isinstance(found, Beginning)
    return found


def drop_observer(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables ``environ`` of an observed process as they would be without."""
    ours = (OBSERVED_VARIABLE, OBSERVER_VARIABLE)
    given = {name: value for name, value in environ.items() if name not in ours}
    folders = given.pop("PYTHONPATH", "").split(os.pathsep)
    others = os.pathsep.join(folder for folder in folders if folder != str(OBSERVER))
    return {**given, "PYTHONPATH": others} if others else given


def _make_beginning(command: Command, plan: Plan, manager: EnvManager) -> Beginning:
    environ = drop_observer(manager.variables_inside(command))
    named = read_command(plan.invocation.command, plan.project.root)
    salt = variables.read_salt()
    checkout = plan.checkout
    root = checkout.repository.root if checkout.repository else checkout.path
    tree = checkout.repository.tree.flatten if checkout.repository else WorkTree()
    store = dict(command.environ).get(STORE_VARIABLE)
    apart = [paths.cache_dir(), paths.state_dir(), *([Path(store)] if store else [])]
    return Beginning(
        str(root.resolve()),
        tuple(str(folder.resolve()) for folder in apart),
        tree.ignored,
        tuple(path for path, standing in tree.files.items() if standing is Standing.LEFT),
        named.programs,
        named.files,
        named.variables,
        variables.digests_of(environ, salt),
        salt.name,
        named.fault,
    )
