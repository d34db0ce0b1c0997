"""Python in the environment of a run, where its libraries are and ours are not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from reprise import process
from reprise.envs import registry as envs
from reprise.errors import UsageError
from reprise.runner.restore import environments
from reprise.runner.verdict.files.readings import OWN, PATIENCE, ReadingPlace
from reprise.runner.verdict.recorded import Recorded
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.environment import Lock
from reprise.schemas.job import Command


def run_python(
    run: Recorded, folder: Path, arguments: tuple[str, ...], patience: float = PATIENCE
) -> process.Completed:
    """How ``python ARGUMENTS`` in ``folder`` ended; it is killed after ``patience`` seconds.

    Raises:
        RepriseError: the environment of the run cannot be made here.
    """
    title = f"the environment of run {run.run_id[:8]}"
    with environments.enter_environment(environments.Named(title, find_lock(run), None)) as environment:
        command = Command(("python", *arguments), (("MLFLOW_TRACKING_URI", None),), folder)
        entered = envs.MANAGERS[environment.manager].enter(environment, command)
        try:
            return process.run(
                entered.argv,
                cwd=entered.cwd,
                environ=dict(entered.environ),
                check=False,
                timeout=patience,
            )
        finally:
            if entered.release:
                process.run(entered.release, check=False)


def find_lock(run: Recorded) -> Lock:
    """The lock of the run; of a nested run that of the run that it is nested in.

    Raises:
        UsageError: neither kept one.
    """
    found: Run = run.run
    while tags.ENV_DIGEST not in found.tags and (parent := found.tags.get(tags.PARENT_RUN_ID)):
        found = run.tracking.get_run(parent)
    return environments.add_credentials(environments.lock_of(run.tracking, found), run.tracking, found)


def reading_places(a: Recorded, b: Recorded) -> Iterator[ReadingPlace]:
    """Where files of the two runs may be read: here, or where one of the runs was."""
    yield OWN
    digests: set[str] = set()
    for run in (b, a):
        try:
            lock = find_lock(run)
        except UsageError:
            continue
        if lock.digest not in digests:
            digests.add(lock.digest)
            yield ReadingPlace(f"the environment of run {run.run_id[:8]}", partial(run_python, run))
