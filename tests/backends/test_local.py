"""Jobs as local processes: what they print arrives and is kept, and nothing of them outlives a run."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from reprise.backends import local
from reprise.backends.registry import get, read_config
from reprise.errors import SubmitError, UsageError
from reprise.schemas.job import Command, Job, JobId, JobStatus, Resources, RunStatus


def make_job(tmp_path: Path, script: str, *, attached: bool = False, **environ: str | None) -> Job:
    command = Command(("bash", "-c", script), tuple(environ.items()), tmp_path)
    return Job(os.urandom(8).hex(), command, tmp_path, tmp_path / "output.log", attached=attached)


def submit(job: Job, config: local.LocalConfig | None = None) -> JobId:
    """Submit one job; its id."""
    (job_id,) = local.assign_ids([job], config or local.CONFIG())
    local.submit({job_id: job}, config or local.CONFIG())
    return job_id


def finish(job: Job) -> JobStatus:
    job_id = submit(job)
    return ended(job_id)


def ended(job_id: JobId) -> JobStatus:
    for _ in range(200):
        local.wait([job_id], 0.1)
        status = local.poll([job_id])[job_id]
        if status.state.has_ended:
            return status
    raise AssertionError("the job did not end")


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_both_streams_are_shown_apart_and_kept_together(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status = finish(make_job(tmp_path, "echo out; echo err >&2", attached=True))
    assert (status.state, status.exit_code) == (RunStatus.FINISHED, 0)
    assert capfd.readouterr() == ("out\n", "err\n")
    assert sorted((tmp_path / "output.log").read_text().split()) == ["err", "out"]


def test_a_detached_job_prints_nowhere_but_into_its_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    finish(make_job(tmp_path, "echo out; read -r line; echo got=$line"))
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "output.log").read_text() == "out\ngot=\n"


def test_the_exit_code_and_the_signal_are_told(tmp_path: Path) -> None:
    failed = finish(make_job(tmp_path, "exit 3"))
    assert (failed.state, failed.exit_code, failed.message) == (RunStatus.FAILED, 3, "exit code 3")
    killed = finish(make_job(tmp_path, "kill -KILL $$"))
    assert (killed.exit_code, killed.message) == (-9, "killed by SIGKILL (out of memory?)")


def test_what_a_job_and_its_children_took_is_told(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(
        "import time\nheld = bytearray(400 << 20)\nwhile time.process_time() < 0.5: pass\n"
    )
    usage = finish(make_job(tmp_path, f"{sys.executable} -S work.py; true")).usage
    assert usage.peak_memory is not None and 400 << 20 <= usage.peak_memory < 800 << 20
    assert usage.cpu_seconds is not None and usage.wall_seconds is not None
    assert 0.5 <= usage.cpu_seconds <= usage.wall_seconds + 0.1


def test_the_memory_of_a_small_job_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Linux counts the memory of the process that starts another as that one's."""
    assert finish(make_job(tmp_path, "true")).usage.peak_memory is None


def test_environment_patch_sets_and_unsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONE", "x")
    finish(make_job(tmp_path, 'echo "$KEY,${GONE-unset}"', KEY="a 'b' \"c\" $d", GONE=None))
    assert (tmp_path / "output.log").read_text() == "a 'b' \"c\" $d,unset\n"


def test_large_output_arrives_whole(tmp_path: Path) -> None:
    finish(make_job(tmp_path, "head -c 20000000 /dev/zero"))
    assert (tmp_path / "output.log").stat().st_size == 20_000_000


@pytest.mark.slow
def test_what_a_job_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    status = finish(make_job(tmp_path, "sleep 300 & echo $!"))
    assert status.state is RunStatus.FINISHED
    assert not alive(int((tmp_path / "output.log").read_text()))


def test_cancel_ends_the_whole_group(tmp_path: Path) -> None:
    job_id = submit(make_job(tmp_path, "bash -c 'echo $$; sleep 300; true'; true"))
    assert eventually(lambda: bool((tmp_path / "output.log").read_text()))
    local.cancel([job_id])
    assert ended(job_id).state is RunStatus.KILLED
    assert not alive(int((tmp_path / "output.log").read_text()))


def test_a_job_that_ignores_sigterm_is_killed_after_its_grace_period(tmp_path: Path) -> None:
    config = read_config(get("local"), {"grace_period": 0.2})
    job = make_job(tmp_path, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    job_id = submit(job, config)
    assert eventually(lambda: "ready" in (tmp_path / "output.log").read_text())
    local.cancel([job_id])
    assert ended(job_id).exit_code == -signal.SIGKILL


@pytest.mark.slow
def test_the_grace_period_is_the_script_s_also_below_a_shell(tmp_path: Path) -> None:
    (tmp_path / "save.py").write_text(
        "import signal, sys, time\n"
        "def save(*_):\n    time.sleep(2)\n    print('saved', flush=True)\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\nprint('ready', flush=True)\ntime.sleep(300)\n"
    )
    job = make_job(tmp_path, f"{sys.executable} save.py; true")
    job_id = submit(job)
    assert eventually(lambda: "ready" in job.log.read_text())
    local.cancel([job_id])
    assert ended(job_id).state is RunStatus.KILLED
    assert job.log.read_text() == "ready\nsaved\n"


def test_a_stream_that_cannot_show_the_output_does_not_stop_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    status = finish(make_job(tmp_path, "printf 'é\\n'; seq 100000", attached=True))
    monkeypatch.undo()
    assert status.exit_code == 0
    assert (tmp_path / "output.log").read_text().endswith("100000\n")


def test_a_replaced_stream_gets_whole_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    script = "printf '\\303'; sleep 0.2; printf '\\251\\n'"
    finish(make_job(tmp_path, script, attached=True))
    monkeypatch.undo()
    assert shown.getvalue() == "é\n"


def test_when_we_are_killed_the_job_does_not_outlive_us(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from reprise.backends import local
        from reprise.schemas.job import Command, Job
        folder = Path({str(tmp_path)!r})
        command = Command(("bash", "-c", "echo $$; sleep 300; true"), (), folder)
        job_id = "j1"
        job = Job(job_id, command, folder, folder / "output.log", attached=False)
        local.submit({{job_id: job}}, local.CONFIG())
        local.wait([job_id], 300)
    """)
    parent = subprocess.Popen([sys.executable, "-c", program])
    log = tmp_path / "output.log"
    assert eventually(lambda: log.exists() and bool(log.read_text()))
    parent.kill()
    parent.wait()
    job = int(log.read_text())
    assert eventually(lambda: not alive(job))


def test_on_a_terminal_the_child_has_a_terminal_and_the_log_has_plain_lines(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from reprise.backends import local
        from reprise.schemas.job import Command, Job
        folder = Path({str(tmp_path)!r})
        script = "test -t 0 && test -t 1 && test -t 2 && read -r word && echo got $word && stty size"
        command = Command(("bash", "-c", script), (), folder)
        job_id = "j1"
        local.submit({{job_id: Job(job_id, command, folder, folder / "output.log")}}, local.CONFIG())
        local.wait([job_id], 20)
        raise SystemExit(local.poll([job_id])[job_id].exit_code)
    """)
    code, shown = run_on_terminal([sys.executable, "-c", program], typed=b"hello\n")
    assert (code, b"got hello\r\n30 97\r\n" in shown) == (0, True), shown
    assert (tmp_path / "output.log").read_bytes().endswith(b"got hello\n30 97\n")


def run_on_terminal(argv: list[str], typed: bytes) -> tuple[int, bytes]:
    """Run a program whose three streams are a terminal of 97 columns; returns code and screen."""
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 97, 0, 0))

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=own_terminal)
    os.close(theirs)
    os.write(ours, typed)
    shown = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(ours)
    return process.wait(), shown


def test_a_missing_program_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    job = Job("j1", Command(("no-such-program",), (), tmp_path), tmp_path, tmp_path / "output.log")
    with pytest.raises(SubmitError, match='cannot start "no-such-program"'):
        submit(job)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"grace_period": "soon"}, "grace_period"),
        ({"grace_period": True}, "grace_period"),
        ({"grace_period": float("inf")}, "grace_period is inf, not a finite number"),
        ({"grace_period": -1}, "grace_period is -1, below 0"),
    ],
)
def test_backend_config_is_checked(config: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        local.check(Resources(), read_config(get("local"), config))


def test_an_unknown_backend_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match='there is no backend "slrm"') as caught:
        get("slrm")
    assert caught.value.hint == "backends: local"


def test_a_reader_that_goes_away_does_not_end_the_job(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from reprise.backends import local
        from reprise.schemas.job import Command, Job
        folder = Path({str(tmp_path)!r})
        command = Command(("bash", "-c", "seq 100000"), (), folder)
        job_id = "j1"
        local.submit({{job_id: Job(job_id, command, folder, folder / "output.log")}}, local.CONFIG())
        local.wait([job_id], 60)
        raise SystemExit(local.poll([job_id])[job_id].exit_code)
    """)
    (tmp_path / "program.py").write_text(program)
    shell = f"set -o pipefail; {sys.executable} {tmp_path}/program.py | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert (tmp_path / "output.log").read_text().endswith("100000\n")


def test_of_two_jobs_at_a_terminal_one_gets_the_keyboard_and_the_terminal_is_given_back(
    tmp_path: Path,
) -> None:
    program = textwrap.dedent(f"""
        import subprocess, termios
        from pathlib import Path
        from reprise.backends import local
        from reprise.schemas.job import Command, Job
        folder = Path({str(tmp_path)!r})
        before = termios.tcgetattr(0)
        jobs = []
        for name in "ab":
            command = Command(("bash", "-c", "sleep 0.3"), (), folder)
            local.submit({{name: Job(name, command, folder, folder / name)}}, local.CONFIG())
            jobs.append(name)
        assert termios.tcgetattr(0) != before
        for job_id in jobs:
            local.wait([job_id], 20)
        raise SystemExit(termios.tcgetattr(0) != before)
    """)
    assert run_on_terminal([sys.executable, "-c", program], typed=b"")[0] == 0


def test_at_a_terminal_a_redirected_stdout_and_a_shown_stderr_stay_apart(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import os
        from pathlib import Path
        from reprise.backends import local
        from reprise.schemas.job import Command, Job
        folder = Path({str(tmp_path)!r})
        os.dup2(os.open(folder / "out.txt", os.O_CREAT | os.O_WRONLY), 1)
        command = Command(("bash", "-c", "echo out; echo err >&2; read -r x; echo got $x"), (), folder)
        job_id = "j1"
        local.submit({{job_id: Job(job_id, command, folder, folder / "output.log")}}, local.CONFIG())
        local.wait([job_id], 20)
    """)
    _, shown = run_on_terminal([sys.executable, "-c", program], typed=b"hello\n")
    assert (tmp_path / "out.txt").read_text() == "out\ngot hello\n"
    assert b"err\r\n" in shown


@pytest.mark.slow
def test_ctrl_z_stops_the_job_with_us_and_it_goes_on_with_us(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from reprise.backends import local
        from reprise.schemas.job import Command, Job
        folder = Path({str(tmp_path)!r})
        command = Command(("bash", "-c", "echo $$; sleep 1; echo done"), (), folder)
        job_id = "j1"
        job = Job(job_id, command, folder, folder / "output.log", attached=False)
        local.submit({{job_id: job}}, local.CONFIG())
        while not local.poll([job_id])[job_id].state.has_ended:
            local.wait([job_id], 1)
    """)
    # a process group of its own, as a shell makes one for each command
    process = subprocess.Popen([sys.executable, "-c", program], process_group=0)
    log = tmp_path / "output.log"
    assert eventually(lambda: log.exists() and bool(log.read_text()))
    both = (psutil.Process(process.pid), psutil.Process(int(log.read_text())))
    process.send_signal(signal.SIGTSTP)
    assert eventually(lambda: all(one.status() == psutil.STATUS_STOPPED for one in both))
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 0
    assert log.read_text().endswith("done\n")
