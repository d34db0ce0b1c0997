"""A cluster in a folder, as a package of others brings it: ``--backend fake -c '{"root": FOLDER}'``.

Each job is a folder, and a process of its own (``python reprise_fake_cluster.py FOLDER``), the node: it
waits in the queue, runs the job, and notes its state. ``questions`` has a line for each poll.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from reprise.backends import base
from reprise.errors import SubmitError
from reprise.process import patched
from reprise.schemas.job import Job, JobId, JobStatus, Resources, RunStatus

NAME = "fake"
IS_SCHEDULER = True


@dataclasses.dataclass(frozen=True)
class FakeConfig:
    """``queue``: seconds until a job starts. ``preempt``: seconds after which it is preempted."""

    root: str
    queue: float = 0.0
    preempt: float | None = None
    partitions: list[str] = dataclasses.field(default_factory=list)


CONFIG = FakeConfig
wait = base.wait
bring_output = base.prints_there
prepare = base.as_it_is


def check(resources: Resources, config: FakeConfig) -> Sequence[str]:
    if not Path(config.root).is_dir():
        raise SubmitError(f"there is no cluster in {config.root}", hint=f"mkdir {config.root}")
    if (resources.gpus or 0) > 8:
        raise base.refuse(f"{resources.gpus} GPUs", "a node of this cluster has 8")
    return ()


def reach(config: FakeConfig) -> base.Reach:
    return base.Reach(base.Way.HOST, "127.0.0.1")


def assign_ids(jobs: Sequence[Job], config: FakeConfig) -> list[JobId]:
    return [JobId(str(Path(config.root, job.name))) for job in jobs]


def submit(jobs: Mapping[JobId, Job], config: FakeConfig) -> None:
    for job_id, job in jobs.items():
        folder = Path(job_id)
        folder.mkdir()
        order = {
            "argv": job.command.argv,
            "environ": patched(os.environ, dict(job.command.environ)),
            "cwd": str(job.command.cwd),
            "output": str(job.output),
            "queue": config.queue,
            "preempt": config.preempt,
            "time": job.resources.time,
        }
        (folder / "order.json").write_text(json.dumps(order))
        _note(folder, RunStatus.SCHEDULED, None, "waiting for a node")
        starter = [sys.executable, "-c", f"import subprocess; subprocess.Popen({_node(folder)!r})"]
        subprocess.run(starter, check=True, start_new_session=True, stdin=subprocess.DEVNULL)


def poll(ids: Sequence[JobId]) -> dict[JobId, JobStatus]:
    if ids:
        with (Path(ids[0]).parent / "questions").open("a") as questions:
            questions.write(f"{len(ids)}\n")
    answer = {}
    for job_id in ids:
        try:
            state, code, message = json.loads((Path(job_id) / "state.json").read_text())
        except FileNotFoundError:
            continue
        answer[job_id] = JobStatus(RunStatus(state), code, message)
    return answer


def cancel(ids: Sequence[JobId], *, interrupted: bool = False) -> None:
    for job_id in ids:
        if Path(job_id).is_dir():
            (Path(job_id) / "cancel").touch()


def clean_up(ids: Sequence[JobId]) -> None:
    for job_id in ids:
        shutil.rmtree(job_id, ignore_errors=True)


def _node(folder: Path) -> list[str]:
    return [sys.executable, str(Path(__file__)), str(folder)]


def _note(folder: Path, state: RunStatus, code: int | None, message: str) -> None:
    try:
        (folder / "state.new").write_text(json.dumps([state, code, message]))
        os.replace(folder / "state.new", folder / "state.json")  # noqa: PTH105
    except FileNotFoundError:
        pass  # its run is closed, and what was left of it removed


def _wait_in_queue(folder: Path, seconds: float) -> bool:
    """Wait for a node; False when the job is cancelled meanwhile."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (folder / "cancel").exists():
            return False
        time.sleep(0.02)
    return True


def main(folder: Path) -> None:
    """Be the node of one job."""
    order = json.loads((folder / "order.json").read_text())
    if not _wait_in_queue(folder, order["queue"]):
        _note(folder, RunStatus.KILLED, None, "cancelled while it waited")
        return
    with open(order["output"], "ab") as output:  # noqa: PTH123
        process = subprocess.Popen(
            order["argv"], env=order["environ"], cwd=order["cwd"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    _note(folder, RunStatus.RUNNING, None, "")
    started = time.monotonic()
    verdict = None
    while process.poll() is None:
        took = time.monotonic() - started
        if (folder / "cancel").exists():
            verdict = RunStatus.KILLED, "cancelled"
        elif order["time"] is not None and took > order["time"]:
            verdict = RunStatus.FAILED, "ended by its time limit"
        elif order["preempt"] is not None and took > order["preempt"]:
            verdict = RunStatus.KILLED, "preempted"
        if verdict is not None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            break
        time.sleep(0.02)
    code = process.returncode
    if verdict is None:
        reason = "out of memory" if code == -signal.SIGKILL else f"exit code {code}"
        verdict = (RunStatus.FINISHED, "") if code == 0 else (RunStatus.FAILED, reason)
    _note(folder, verdict[0], code, verdict[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
