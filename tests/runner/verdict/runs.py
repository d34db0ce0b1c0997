"""Runs written straight into a store, and a verdict on two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise.runner.record.records import write_record
from reprise.runner.verdict import compare_runs
from reprise.runner.verdict.values import Agreement, Part, Verdict
from reprise.schemas import tags
from reprise.schemas.entities import Metric
from reprise.schemas.record.run_record import (
    ArtifactRecord,
    EnvironmentRecord,
    ParameterRecord,
    ProjectRecord,
    RunRecord,
    SourceRecord,
)
from reprise.schemas.tolerance import Tolerance
from reprise.tracking.sqlite.store import EmbeddedStore

COMMIT = "c" * 40
START = 1_714_557_600_000


class Made:
    """A store, and runs in it."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self._made = 0

    def run(
        self,
        *,
        metrics: Mapping[str, Sequence[float]] = {},
        params: Mapping[str, str] = {},
        logged: Mapping[str, str] = {},
        own_tags: Mapping[str, str] = {},
        files: Mapping[str, bytes] = {},
        output: bytes = b"done\n",
        streams: str = "",
        exit_code: int = 0,
        record: RunRecord | None = None,
        recorded: bool = True,
        resumed: int = 0,
    ) -> str:
        """A run that has ended, with a record that says the same; ``record`` is the one to begin with.

        ``params`` are those of its entry point, ``logged`` those that its script logged. ``resumed`` says
        when its last attempt began, in ms after its start.
        """
        self._made += 1
        start = START + self._made * 1000
        run = self.store.create_run(
            "0",
            start_time=start,
            user_id="u",
            tags={
                tags.EXIT_CODE: str(exit_code),
                tags.PROJECT_ENV: "virtualenv",
                tags.ENV_DIGEST: "e" * 64,
                tags.GIT_COMMIT: COMMIT,
                **own_tags,
            },
        )
        points = [
            Metric(name, value, start + step, step)
            for name, values in metrics.items()
            for step, value in enumerate(values)
        ]
        self.store.log_batch(run.run_id, metrics=points, params={**params, **logged})
        folder = self.store.artifact_folder(run.run_id)
        (folder / "reprise").mkdir(parents=True)
        (folder / "reprise" / "output.log").write_bytes(output)
        if streams:
            (folder / "reprise" / "output.streams").write_text(streams)
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        if recorded:
            begun = record or RECORD
            kept = [
                ArtifactRecord(
                    name, len(data), f"sha256:{self.store.artifact_digest(run.run_id, name).sha256}"
                )
                for name, data in files.items()
            ]
            parameters = tuple(ParameterRecord(name, value, "-P") for name, value in params.items())
            write_record(
                folder,
                begun._replace(
                    run_id=run.run_id,
                    parameters=begun.parameters or parameters,
                    artifacts=tuple(kept),
                    started=start + resumed,
                    ended=start + 500,
                    status="FINISHED",
                    exit_code=exit_code,
                    tags={name: text for name, text in own_tags.items() if tags.is_own(name)},
                ),
            )
        status = "FINISHED" if exit_code == 0 else "FAILED"
        self.store.update_run(run.run_id, status=status, end_time=start + 500)
        return run.run_id

    def child(
        self,
        parent: str,
        name: str,
        *,
        metrics: Mapping[str, Sequence[float]] = {},
        params: Mapping[str, str] = {},
        own_tags: Mapping[str, str] = {},
        status: str = "FINISHED",
        after: int = 0,
        experiment: str = "0",
    ) -> str:
        """A run that a script has nested in ``parent``, ``after`` ms after its start."""
        start = self.store.get_run(parent).start_time + after
        labels = {tags.PARENT_RUN_ID: parent, **own_tags}
        run = self.store.create_run(
            experiment, start_time=start, user_id="u", run_name=name or None, tags=labels
        )
        points = [
            Metric(key, value, start + step, step)
            for key, values in metrics.items()
            for step, value in enumerate(values)
        ]
        self.store.log_batch(run.run_id, metrics=points, params=params)
        self.store.update_run(run.run_id, status=status, end_time=start + 5)
        return run.run_id

    def folder(self, run_id: str) -> Path:
        return self.store.artifact_folder(run_id)

    def verdict(self, a: str, b: str, tolerance: Tolerance = Tolerance()) -> Verdict:  # noqa: B008
        return compare_runs(self.store, a, b, tolerance)


RECORD = RunRecord(
    "",
    "a run",
    "Default",
    "1.0",
    SourceRecord("/project", "git", commit=COMMIT),
    ProjectRecord("p", "MLproject", "main", "python train.py"),
    environment=EnvironmentRecord("virtualenv", digest="e" * 64),
)


def words(found: Verdict) -> dict[str, Agreement]:
    """The word on each part."""
    return {f"{item.kind} {item.name}".strip(): item.agreement for item in found.parts}


def part(found: Verdict, kind: str, name: str = "") -> Part:
    (item,) = [item for item in found.parts if (item.kind, item.name) == (kind, name)]
    return item
