"""What is done in a fork by calls of Python: verbs of a store, an asynchronous run, copies of a store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from hashlib import sha256
from typing import TextIO

from reprise import projects
from reprise.runner.models.environment import lock_environment, log_file
from reprise.runner.models.folder import ModelFolder
from reprise.runner.runs.reap import reap
from reprise.runner.runs.sweep import sweep_cache
from reprise.schemas.entities import Metric
from reprise.schemas.environment import Policy
from reprise.server.loopback import Loopback
from reprise.tracking.copy.server.destination import RestDestination
from reprise.tracking.copy.tracking import TrackingSource
from reprise.tracking.copy.transfer import Transfer
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.crashes.programs import Command
from tests.crashes.worlds import World

_MODEL = "flavors: {python_function: {env: {virtualenv: python_env.yaml}}}\n"


def log_to_store(world: World) -> Command:
    """The life of a run: batches, tags, files and its end."""

    def log() -> None:
        with EmbeddedStore(world.store) as store, world.acknowledged.open("a", buffering=1) as out:
            run = store.create_run("0", start_time=1, user_id="ada").run_id
            for step in range(3):
                store.log_batch(run, metrics=[Metric("m", step / 8, 1, step)], params={f"p{step}": "x"})
                _tell(out, run, "param", f"p{step}", "x")
                _tell(out, run, "metric", "m", step / 8)
                store.set_tag(run, "step", str(step))
                _tell(out, run, "tag", "step", str(step))
                body = os.urandom(3_000)
                with store.artifacts_of(run).writing(f"out/f{step}") as stream:
                    stream.write(body)
                _tell(out, run, "artifact", f"out/f{step}", sha256(body).hexdigest())
            store.update_run(run, status="FINISHED", end_time=2)
            _tell(out, run, "status", "", "FINISHED")

    return log


def register_models(world: World) -> Command:
    """Versions of models with aliases, a logged model with a file, and a webhook; a model is deleted."""

    def register() -> None:
        with EmbeddedStore(world.store) as store, world.acknowledged.open("a", buffering=1) as out:
            name = f"model-{os.urandom(4).hex()}"
            logged = store.create_logged_model("0", name=name, params={"depth": "3"}).model_id
            with store.artifacts_of(logged).writing("MLmodel") as stream:
                stream.write(_MODEL.encode())
            store.finalize_logged_model(logged, "LOGGED_MODEL_READY")
            _tell(out, name, "logged", logged, "")
            store.create_registered_model(name, tags={"team": "a"})
            for number in range(3):
                version = store.create_model_version(name, f"models:/{logged}", model_id=logged).version
                store.set_registered_model_alias(name, "best", str(version))
                _tell(out, name, "alias", "best", int(version))
                if number == 1:
                    store.delete_model_version(name, "1")
                    _tell(out, name, "without", "1", "")
            store.create_webhook(name, "https://hooks.example.org/x", ["registered_model.created"])
            _tell(out, name, "webhook", name, "")

    return register


def find_faults_of_models(world: World, over: bool) -> Iterable[str]:
    """What was acknowledged of models and is not there."""
    if not (said := world.read_acknowledged()):
        return
    with EmbeddedStore(world.store) as store:
        webhooks = {webhook.name for webhook in store.all_webhooks()}
        for name, kind, what, value in said[-60:]:
            if kind == "logged":
                if store.get_logged_model(what).status != "LOGGED_MODEL_READY":
                    yield f"lost: the logged model {what} is not ready"
                if (store.artifact_folder(what) / "MLmodel").read_text() != _MODEL:
                    yield f"lost: the file of the logged model {what}"
            elif kind == "alias" and int(store.get_model_version_by_alias(name, what).version) < value:
                yield f"lost: alias {what} of {name}"
            elif kind == "without" and any(
                found.version == what
                for found in store.search_model_versions(filter=f"name='{name}'").items
            ):
                yield f"back again: version {what} of {name}"
            elif kind == "webhook" and what not in webhooks:
                yield f"lost: webhook {what}"


def _versions(store: EmbeddedStore, name: str) -> set[str]:
    return {str(found.version) for found in store.search_model_versions(filter=f"name='{name}'").items}


def run_asynchronously(world: World) -> Command:
    """``synchronous=False``: the run has a carrier, which continues when its caller has died."""

    def submit() -> None:
        projects.run(str(world.tools.local), env_manager="local", synchronous=False).wait()

    return submit


def push(world: World) -> Command:
    """Send everything of a store to a server, which dies at the same time."""

    def send() -> None:
        with (
            EmbeddedStore(world.tools.pushed) as source,
            EmbeddedStore(world.store) as target,
            Loopback.start(target, "0" * 32) as server,
        ):
            os.environ.update(server.environ)
            destination = RestDestination.at(server.environ["MLFLOW_TRACKING_URI"])
            reap(target)
            census = Transfer(TrackingSource(source), destination, with_deleted=False).transfer_all()
            if census.differences:
                raise RuntimeError(str(census.differences))

    return send


def find_faults_of_push(world: World, over: bool) -> Iterable[str]:
    """Each run and file is there once, when the push was given again."""
    if not over:
        return
    with EmbeddedStore(world.store) as store:
        experiments = [found.experiment_id for found in store.search_experiments().items]
        runs = store.search_runs(experiments).items
        if sorted(run.params.get("number", "") for run in runs) != ["0", "1", "2"]:
            yield f"the runs {sorted(run.params.items() for run in runs)} are not those that were sent"
        for run in runs:
            files = [path for path in store.artifact_folder(run.run_id).rglob("*") if path.is_file()]
            if [path.read_bytes() for path in files] != [b"x" * 5_000]:
                yield f"files of {run.run_id}: {files}"


def make_model_environment(world: World) -> Command:
    """The environment of a model folder, as it is made before the model is served."""

    def make() -> None:
        from reprise.envs.cache import store

        sweep_cache()
        folder = world.work / "model"
        folder.mkdir(exist_ok=True)
        (folder / "MLmodel").write_text(_MODEL)
        (folder / "python_env.yaml").write_text((world.tools.packages / "python_env.yaml").read_text())
        manager, lock = lock_environment(ModelFolder(str(folder), folder), None, Policy())
        with store.using_lock(manager, lock, Policy(), log_file()):
            return

    return make


def _tell(out: TextIO, *words: object) -> None:
    out.write(f"\n{json.dumps(words)}\n")
