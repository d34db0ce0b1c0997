"""A store as people have one: real runs of a small project that logs what projects log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from reprise.schemas import tags
from reprise.schemas.entities import Metric, Run
from reprise.tracking.sqlite.store import EmbeddedStore

EXPERIMENT = "flowers"
HOSTILE = "<script>document.title='owned'</script>\u202egnp.exe 🌸" + "x" * 200
SHOWN = HOSTILE.replace("\u202e", "\\u202e")
"""As a page shows it: what turns the direction of text is visible."""
"""A name that would run, turn its neighbours round, and stretch a page, if it were let."""

_FLOWERS = Path(__file__).parent / "flowers"


class Sample(NamedTuple):
    """``runs`` are those of the project, best accuracy last; ``url`` is the server's."""

    store: Path
    project: Path
    experiment_id: str
    runs: tuple[Run, ...]
    failed: Run
    dirty: Run
    parent: Run
    hostile: Run
    again: Run
    url: str = ""


def make_sample(folder: Path) -> Sample:
    project, store = folder / "project", folder / "mlruns"
    shutil.copytree(_FLOWERS, project, ignore=shutil.ignore_patterns("__pycache__"))
    _git(project, "init", "--quiet", "--initial-branch=main")
    _git(project, "add", ".")
    _git(project, "commit", "--quiet", "-m", "A project")
    for depth, rate, kind in ((1, 0.3, "tree"), (2, 0.1, "forest"), (3, 0.2, "forest"), (4, 0.1, "forest")):
        _reprise(folder, "run", str(project), *_given(depth=depth, rate=rate, kind=kind))
    _reprise(folder, "run", str(project), "-e", "broken", "--env-manager=local", code=3)
    _reprise(folder, "reproduce", _best(store))
    with (project / "train.py").open("a") as file:
        file.write("\nprint('one more line')\n")
    _reprise(folder, "run", str(project), *_given(depth=5, rate=0.1, kind="forest"))
    with EmbeddedStore(store) as opened:
        return _finished(opened, project)


def _best(store: Path) -> str:
    with EmbeddedStore(store) as opened:
        (experiment,) = opened.search_experiments(filter=f"name = '{EXPERIMENT}'").items
        order = ["metrics.accuracy DESC"]
        return opened.search_runs([experiment.experiment_id], order_by=order).items[0].run_id


def _given(**parameters: object) -> list[str]:
    given = [word for name, value in parameters.items() for word in ("-P", f"{name}={value}")]
    return ["--env-manager=local", "--experiment-name", EXPERIMENT, *given]


def _finished(store: EmbeddedStore, project: Path) -> Sample:
    """The sample with what no project makes: nested runs, a hostile name, a registered model."""
    (experiment,) = store.search_experiments(filter=f"name = '{EXPERIMENT}'").items
    number = experiment.experiment_id
    everything = store.search_runs([number, "0"], order_by=["start_time ASC"]).items
    again = next(run for run in everything if tags.REPRODUCES in run.tags)
    failed = next(run for run in everything if run.status == "FAILED")
    dirty = next(run for run in everything if run.tags.get(tags.DIRTY) == "true")
    good = sorted(
        (run for run in everything if "accuracy" in run.metrics and run != again),
        key=lambda run: run.metrics["accuracy"].value,
    )
    parent = _run(store, number, "search for a depth", {}, {})
    for depth in range(6):
        child = _run(
            store, number, f"trial {depth}", {"depth": str(depth)}, {tags.PARENT_RUN_ID: parent.run_id}
        )
        point = Metric("accuracy", 0.6 + depth * 0.03, child.start_time)
        store.log_batch(child.run_id, metrics=[point])
        store.update_run(
            child.run_id, status=("FINISHED", "FAILED")[depth == 5], end_time=child.start_time + 900
        )
    long = HOSTILE + "y" * 5000
    hostile = _run(store, number, HOSTILE, {"text": long}, {"team": HOSTILE, tags.SOURCE_NAME: HOSTILE})
    store.update_run(hostile.run_id, status="FINISHED", end_time=hostile.start_time + 5)
    store.create_registered_model("iris", description="Tells flowers apart")
    for run in good[-2:]:
        store.create_model_version("iris", f"{run.artifact_uri}/model", run_id=run.run_id)
    store.set_registered_model_alias("iris", "champion", "2")
    return Sample(Path(store.uri), project, number, tuple(good), failed, dirty, parent, hostile, again)


def _run(
    store: EmbeddedStore, experiment: str, name: str, params: dict[str, str], more: dict[str, str]
) -> Run:
    run = store.create_run(
        experiment, start_time=1_790_000_000_000, user_id="ada", run_name=name[:250], tags=more
    )
    store.log_batch(run.run_id, params=params)
    return run


def _reprise(folder: Path, *arguments: str, code: int = 0) -> None:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environ = {**os.environ, "HOME": str(home), "REPRISE_CACHE_DIR": str(home / "cache"), "NO_COLOR": "1"}
    environ["REPRISE_STATE_DIR"] = str(home / "state")
    done = subprocess.run(
        [sys.executable, "-m", "reprise", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)
