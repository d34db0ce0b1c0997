"""Docker projects from the command line, in the engine of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from reprise import projects
from reprise.errors import EnvError
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import EXAMPLES, REPOSITORY, ProjectFolder, Result
from tests.envs import docker_engine
from tests.envs.docker_engine import IMAGE, PASSWORD, USER, containers, docker
from tests.runner.capture.recorded import record_of

Write = Callable[[Mapping[str, str]], ProjectFolder]

pytestmark = pytest.mark.docker

LOGGING = """
import json, os, sys, urllib.request

def call(method, path, data):
    token = os.environ["MLFLOW_TRACKING_TOKEN"]
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    address = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/" + path
    request = urllib.request.Request(address, data, headers, method=method)
    urllib.request.urlopen(request, timeout=10).close()

run = os.environ["MLFLOW_RUN_ID"]
metric = {"run_id": run, "key": "accuracy", "value": 0.5, "timestamp": 1, "step": 0}
call("POST", "mlflow/runs/log-metric", json.dumps(metric).encode())
folder = f"mlflow-artifacts/artifacts/{os.environ['MLFLOW_EXPERIMENT_ID']}/{run}/artifacts"
call("PUT", f"{folder}/model.txt", b"weights")
"""


def mlproject(command: str, *, image: str = IMAGE, more: str = "", parameters: str = "") -> str:
    return (
        f"name: Demo Project\ndocker_env:\n  image: {image}\n{more}"
        f"entry_points:\n  main:\n{parameters}    command: {json.dumps(command)}\n"
    )


def run(project: ProjectFolder, *args: str) -> Result:
    return project.reprise("run", str(project.path), *args)


def output(project: ProjectFolder) -> str:
    """What the newest run printed."""
    return project.artifact(project.runs()[0], "reprise/output.log")


def lock(project: ProjectFolder) -> dict[str, str]:
    """What the newest run says of its image."""
    return dict(json.loads(project.artifact(project.runs()[0], "reprise/environment.lock")))


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Owner and digest of every file."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_uid,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in folder.rglob("*")
    }


@contextmanager
def started(project: ProjectFolder) -> Iterator[psutil.Popen]:
    """A run of another process, whose command has begun: it has said "up"."""
    argv = [sys.executable, "-P", "-m", "reprise", "run", str(project.path)]
    with psutil.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            said = list(takewhile("up\n".__ne__, process.stdout))
            assert process.poll() is None, said
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def test_a_command_with_operators_runs_inside_as_a_whole(project: Write) -> None:
    demo = project({"MLproject": mlproject("env && pwd && echo $HOSTNAME && hostname")})
    assert run(demo).exit_code == 0
    *_, folder, name, same = output(demo).split()
    assert (folder, name) == ("/mlflow/projects/code", same)
    assert name != os.uname().nodename


def test_values_arrive_as_they_are_and_nothing_of_them_runs(
    project: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    injected = tmp_path / "injected"
    nasty = f"a b;echo INJECTED > {injected} && 'x' \"y\" $HOME `id` \\ \nline two"
    monkeypatch.setenv("COPIED", nasty)
    monkeypatch.setenv("LD_TEST", nasty)
    environment = [["NEWV", nasty], ["DOCKER_HOST", nasty], ["HTTP_PROXY", nasty], "COPIED", "LD_TEST"]
    show = "import os, sys, json; print(json.dumps([sys.argv[1], *map(os.environ.get, sys.argv[2:])]))"
    demo = project(
        {
            "MLproject": mlproject(
                "python3 show.py {message} NEWV DOCKER_HOST HTTP_PROXY COPIED LD_TEST",
                more=f"  environment: {json.dumps(environment)}\n",
                parameters="    parameters: {message: string}\n",
            ),
            "show.py": show,
        }
    )
    assert run(demo, "-P", f"message={nasty}").exit_code == 0
    assert json.loads(output(demo)) == [nasty] * 6
    assert demo.runs()[0].params["message"] == nasty
    assert not injected.exists()


def test_no_value_of_the_environment_is_in_an_argv(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "s3cret-key")
    monkeypatch.setenv("HTTPS_PROXY", "http://u:s3cret-proxy@127.0.0.1:1")
    demo = project(
        {
            "MLproject": mlproject(
                "echo up; sleep 30",
                more="  environment: [API_KEY, HTTPS_PROXY, [PATH, /usr/bin:/bin:/s3cret-path]]\n",
            )
        }
    )
    with started(demo) as process:
        family = [process, *process.children(recursive=True)]
        lines = [" ".join(member.cmdline()) for member in family]
    assert any(
        "docker run" in line.replace("/usr/local/bin/", "").replace("/usr/bin/", "") for line in lines
    )
    assert not any("s3cret" in line for line in lines)
    assert "s3cret" not in json.dumps(demo.runs()[0].tags)


def test_the_project_s_files_on_the_host_stay_as_they_are(project: Write) -> None:
    demo = project(
        {
            "MLproject": mlproject(
                "echo more >> data/a.csv && rm data/b.csv && mkdir made && touch made/x && ls data"
            ),
            "data/a.csv": "1\n",
            "data/b.csv": "2\n",
        }
    )
    before = contents(demo.path)
    assert run(demo).exit_code == 0
    assert output(demo) == "a.csv\n"
    assert contents(demo.path) == before


def test_a_project_that_an_overlay_cannot_name_is_copied(project: Write, tmp_path: Path) -> None:
    demo = project({"MLproject": mlproject("cat a,b/c && touch new a,b/c"), "a,b/c": "here\n"})
    odd = demo.path.rename(tmp_path / "odd:name, here")
    before = contents(odd)
    assert demo.reprise("run", str(odd)).exit_code == 0
    assert output(demo) == "here\n"
    assert contents(odd) == before


def test_path_parameters_and_volumes_are_seen_inside(project: Write, tmp_path: Path) -> None:
    (tmp_path / "in, put").mkdir()
    (tmp_path / "in, put" / "x.csv").write_text("1,2\n")
    demo = project(
        {
            "MLproject": mlproject(
                "cat {data} && ! touch {data} && cat /named/v && echo out > /out/o && cat {inner}",
                more='  volumes: ["${PWD}/named:/named:ro", "./out:/out"]\n',
                parameters="    parameters: {data: path, inner: {type: path, default: inner.csv}}\n",
            ),
            "named/v": "volume\n",
            "inner.csv": "3,4\n",
        }
    )
    assert run(demo, "-P", f"data={tmp_path / 'in, put' / 'x.csv'}").exit_code == 0, output(demo)
    assert [line for line in output(demo).splitlines() if "touch" not in line] == ["1,2", "volume", "3,4"]
    made = demo.path / "out" / "o"
    assert made.read_text() == "out\n"
    assert {made.stat().st_uid, made.parent.stat().st_uid} == {os.getuid()}


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that another user can come to."""
    with tempfile.TemporaryDirectory(prefix="reprise-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_it_runs_as_the_calling_user_and_logs_to_the_store(project: Write, theirs: Path) -> None:
    demo = project(
        {
            "MLproject": mlproject('id -u && touch "$HOME/cache" ./here && python3 log.py && rm log.py'),
            "log.py": LOGGING,
        }
    )
    shutil.copytree(demo.path, theirs / "project")
    somebody = other_user(theirs)
    done = subprocess.run(
        [*somebody.python, "-m", "reprise", "run", "project"],
        cwd=theirs,
        capture_output=True,
        text=True,
        check=False,
        **somebody.options,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{somebody.uid}\n"
    [weights] = theirs.glob("mlruns/**/model.txt")
    assert weights.read_text() == "weights"
    assert {path.stat().st_uid for path in theirs.rglob("*")} == {somebody.uid}
    assert (theirs / "project" / "log.py").exists()


def test_the_run_says_its_image_and_leaves_nothing(project: Write) -> None:
    demo = project({"MLproject": mlproject("true")})
    assert run(demo).exit_code == 0
    [found] = demo.runs()
    image = docker("image", "inspect", "--format", "{{.Id}}", IMAGE)
    assert found.tags["mlflow.project.env"] == "docker"
    assert found.tags["mlflow.docker.image.uri"] == IMAGE
    assert found.tags["mlflow.docker.image.id"] == image == lock(demo)["id"]
    assert containers(f"reprise.run={found.run_id}") == []


class Somebody(NamedTuple):
    """A user of this machine, and how a process of theirs is started."""

    uid: int
    python: list[str]
    options: dict[str, Any]


def other_user(home: Path) -> Somebody:
    """Another user than root where we are root, who may call the engine; ``home`` becomes theirs.

    Where no Python with our packages is within their reach, we are who calls.
    """
    uid, socket_s_group = 12345, Path("/var/run/docker.sock").stat().st_gid
    folders = {
        "HOME": str(home),
        "REPRISE_CACHE_DIR": str(home / "cache"),
        "REPRISE_STATE_DIR": str(home / "state"),
        "PYTHONPATH": os.pathsep.join(
            [str(REPOSITORY), *(path for path in sys.path if "site-packages" in path)]
        ),
    }
    options: dict[str, Any] = {"env": {**os.environ, **folders}}
    theirs: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": [socket_s_group]}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            probe = [python, "-c", "import reprise.server.serving"]
            subprocess.run(probe, cwd="/", check=True, capture_output=True, **options, **theirs)
        except (OSError, subprocess.CalledProcessError):
            continue
        for path in (home, *home.rglob("*")):
            os.chown(path, uid, uid)
        return Somebody(uid, [python], {**options, **theirs})
    return Somebody(os.getuid(), [sys.executable], options)


def gone(label: str) -> bool:
    """Whether the containers with ``label`` go in a while."""
    for _ in range(200):
        if not containers(label):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGKILL", "stop", "guard too"])
def test_however_a_run_is_ended_its_containers_and_volumes_go(project: Write, how: str) -> None:
    waiting = mlproject("echo up; python3 -c 'import time; time.sleep(60)'; echo on")
    demo = project({"MLproject": waiting, "next.sh": "true"})
    with started(demo) as process:
        [found] = demo.runs()
        label = f"reprise.run={found.run_id}"
        kept = docker_engine.volumes(label)
        assert len(containers(label)) == 2
        if how == "stop":
            assert demo.reprise("runs", "stop", found.run_id).exit_code == 0
        elif how == "guard too":
            for member in [*process.children(recursive=True), process]:
                member.kill()
            process.wait()
            assert containers(label)
            assert demo.run("-e", "next.sh").exit_code == 0
        else:
            process.send_signal(signal.Signals[how])
        process.wait()
        assert gone(label)
    assert kept
    assert not set(kept) & set(docker("volume", "ls", "--quiet").split())
    assert [one.status for one in demo.runs() if one.run_id == found.run_id] == [
        "KILLED" if how != "SIGKILL" else "RUNNING"
    ]


def test_ctrl_c_reaches_the_program_inside(project: Write) -> None:
    script = (
        "import time\nprint('up', flush=True)\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('saved')\n"
    )
    demo = project({"MLproject": mlproject("python3 train.py; echo over"), "train.py": script})
    with started(demo) as process:
        process.send_signal(signal.SIGINT)
        process.wait()
    assert "saved" in output(demo)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with docker_engine.registry(tmp_path / "registry") as address:
        yield address


@pytest.fixture
def tagged(registry: str) -> Iterator[Callable[[str], str]]:
    """Pushes an image that says a text as ``demo:1`` and forgets it here; returns the name."""
    name = f"{registry}/demo:1"

    def push(text: str) -> str:
        docker_engine.build(name, f"FROM {IMAGE}\nENV SAYS={text}\n")
        docker("push", name)
        forget(name)
        return name

    yield push
    forget(name)


def forget(name: str) -> None:
    """Remove the image under all its names, so that it has to be pulled again."""
    repository = name.rpartition(":")[0]
    for image in set(docker("image", "ls", "--quiet", repository).split()):
        docker("image", "rm", "--force", image)


def test_an_image_is_pulled_and_locked_by_its_digest(
    project: Write, tagged: Callable[[str], str], log: Path
) -> None:
    from reprise.envs.docker import manager as manager
    from reprise.schemas.environment import DockerEnv, Policy

    name = tagged("old")
    demo = project({"MLproject": mlproject("echo $SAYS", image=name)})
    spec = DockerEnv(demo.path, name)
    assert manager.write_lock(spec, Policy(), (), log) == (demo.path / "docker-image.lock",)
    old = manager.lock(spec, Policy(), log)
    assert manager.packages(old)[0].origin.startswith(f"{name.rpartition(':')[0]}@sha256:")

    tagged("new")  # the name means another image now, and the old one is not here
    assert run(demo, "--locked").exit_code == 0
    assert output(demo) == "old\n"
    assert lock(demo)["digest"] == json.loads(old.text)["digest"]

    upgraded = manager.lock(spec, Policy(upgrade=()), log)
    assert json.loads(upgraded.text)["digest"] != json.loads(old.text)["digest"]


def test_a_lock_that_does_not_fit(project: Write, log: Path) -> None:
    demo = project({"MLproject": mlproject("true")})
    refused = run(demo, "--locked")
    assert refused.exit_code == 4
    assert "is not locked: there is no docker-image.lock" in refused.err
    (demo.path / "docker-image.lock").write_text("{}")
    assert "docker-image.lock: it is not in the format" in run(demo, "--locked").err
    assert run(demo).exit_code == 0


def test_offline_says_which_image_is_missing(project: Write) -> None:
    demo = project({"MLproject": mlproject("true", image="127.0.0.1:1/nobody:1")})
    refused = run(demo, "--offline")
    assert refused.exit_code == 4
    assert "nobody:1 is not on this machine, and --offline fetches nothing" in refused.err


def test_an_image_that_no_registry_has(project: Write, registry: str) -> None:
    demo = project({"MLproject": mlproject("true", image=f"{registry}/nobody:1")})
    refused = run(demo)
    assert refused.exit_code == 4
    assert f"image {registry}/nobody:1 is not here, and cannot be pulled" in refused.err
    assert "--build-image" in refused.err


def test_a_closed_registry_is_entered_with_docker_auth(project: Write, tmp_path: Path, house: Path) -> None:
    with docker_engine.registry(tmp_path / "closed", closed=True) as address:
        name = f"{address}/demo:1"
        docker_engine.build(name, f"FROM {IMAGE}\nENV SAYS=in\n")
        docker_engine.push(name, tmp_path / "their-settings")
        forget(name)
        demo = project({"MLproject": mlproject("echo $SAYS", image=name)})
        with pytest.raises(EnvError, match="cannot be pulled"):
            projects.run(str(demo.path))
        wrong = {"username": USER, "password": "wr0ng", "registry": address}
        with pytest.raises(EnvError, match=f"docker_auth: {address} refused the login") as caught:
            projects.run(str(demo.path), docker_auth=wrong)
        assert "wr0ng" not in str(caught.value)
        right = {"username": USER, "password": PASSWORD, "registry": address}
        done = projects.run(str(demo.path), docker_auth=right, synchronous=False)
        assert done.wait()
        forget(name)
    assert not (house / ".docker").exists()
    for path in (
        path for path in tmp_path.rglob("*") if path.is_file() and "their-settings" not in path.parts
    ):
        assert PASSWORD.encode() not in path.read_bytes(), path


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_built_image_has_the_code_as_the_ignore_file_leaves_it(project: Write) -> None:
    demo = project(
        {
            "MLproject": mlproject("ls -A && cat /etc/made && touch writable", image="of-no-meaning"),
            "Dockerfile": f"FROM {IMAGE}\nRUN echo made > /etc/made\n",
            ".dockerignore": "secret.txt\n.git\nDockerfile\n",
            "secret.txt": "s3cret",
            "train.py": "",
        }
    )
    git(demo.path, "init", "-q")
    git(demo.path, "add", ".")
    git(demo.path, "commit", "-q", "-m", "one")
    commit = git(demo.path, "rev-parse", "HEAD")[:7]
    names = [f"demo-project:{commit}", f"demo-project:{commit}-dirty"]
    try:
        assert run(demo, "--build-image").exit_code == 0
        assert output(demo).split() == [".dockerignore", "MLproject", "train.py", "made"]
        assert demo.runs()[0].tags["mlflow.docker.image.uri"] == names[0]
        assert lock(demo)["id"] == docker("image", "inspect", "--format", "{{.Id}}", names[0])
        assert "Step 1/" in demo.artifact(demo.runs()[0], "reprise/environment.log")
        (demo.path / "train.py").write_text("changed")
        assert run(demo, "--build-image").exit_code == 0
        assert demo.runs()[0].tags["mlflow.docker.image.uri"] == names[1]
    finally:
        docker("image", "rm", "--force", *names, check=False)


def test_without_a_dockerfile_the_code_is_put_on_the_image(project: Write) -> None:
    demo = project({"MLproject": mlproject("ls -A"), "sub/train.py": ""})
    (demo.path / "mlruns").mkdir()
    (demo.path / "mlruns" / "old").touch()
    try:
        assert run(demo, "--build-image").exit_code == 0
        assert output(demo).split() == ["MLproject", "sub"]
        assert demo.runs()[0].tags["mlflow.docker.image.uri"] == "demo-project"
    finally:
        docker("image", "rm", "--force", "demo-project", check=False)


def test_a_build_that_fails_shows_its_end_and_its_log(project: Write) -> None:
    demo = project(
        {"MLproject": mlproject("true"), "Dockerfile": f"FROM {IMAGE}\nRUN echo oh no; exit 3\n"}
    )
    refused = run(demo, "--build-image")
    assert refused.exit_code == 4
    assert "cannot build image demo-project" in refused.err
    assert "oh no" in refused.err
    assert "environment.log" in refused.err


def test_options_of_docker_run(project: Write) -> None:
    demo = project({"MLproject": mlproject("echo $GIVEN; hostname; id -u")})
    assert (
        run(
            demo, "-A", "e=GIVEN=x y", "-A", "hostname=box", "-A", "user=77:77", "-A", "read-only"
        ).exit_code
        == 0
    )
    assert output(demo) == "x y\nbox\n77\n"


def test_the_store_is_reached_on_the_host_s_network(project: Write) -> None:
    demo = project({"MLproject": mlproject("python3 log.py"), "log.py": LOGGING})
    assert run(demo, "-A", "network=host").exit_code == 0, output(demo)
    assert demo.runs()[0].metrics["accuracy"].value == 0.5


@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        ("no-such-flag=1", 125, "--no-such-flag"),
        ("memory=much", 125, "much"),
        ("bad name=1", 2, '"bad name" is not an option of docker run'),
        ("detach", 2, "the run would end before its container"),
    ],
)
def test_bad_options_are_told_in_docker_s_words(project: Write, option: str, code: int, said: str) -> None:
    demo = project({"MLproject": mlproject("true")})
    refused = run(demo, "-A", option)
    assert refused.exit_code == code
    told = refused.err + (output(demo) if demo.runs() else "")
    assert said in told
    assert (
        not demo.runs() or "docker could not start the container" in demo.runs()[0].tags["reprise.reason"]
    )


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("exit 7", 7, "exit code 7"),
        ("nonesuch", 125, "exit code 127: a program of the command is not in the container"),
    ],
)
def test_exit_codes_say_what_they_mean(project: Write, command: str, code: int, said: str) -> None:
    demo = project({"MLproject": mlproject(command)})
    assert said in run(demo).err


def test_an_image_without_bash_uses_its_sh(project: Write) -> None:
    name = "reprise-test-no-bash"
    docker_engine.build(name, f"FROM {IMAGE}\nRUN rm -f /bin/bash /usr/bin/bash\n")
    try:
        demo = project({"MLproject": mlproject("echo one && echo 'two three'", image=name)})
        assert run(demo).exit_code == 0
        assert output(demo) == "one\ntwo three\n"
    finally:
        docker("image", "rm", "--force", name)


def test_variables_that_the_project_expects_are_named_before_a_run_is_made(project: Write) -> None:
    demo = project({"MLproject": mlproject("true", more="  environment: [NOT_HERE, NOR_HERE]\n")})
    refused = run(demo)
    assert refused.exit_code == 4
    assert "expects variables that are not set: NOT_HERE, NOR_HERE" in refused.err
    assert demo.runs() == []


def test_an_engine_that_does_not_run_is_told_before_a_run_is_made(project: Write) -> None:
    demo = project({"MLproject": mlproject("true")})
    done = subprocess.run(
        [sys.executable, "-P", "-m", "reprise", "run", str(demo.path)],
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent.sock"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "the docker engine does not answer" in done.stderr
    assert "start the docker engine" in done.stderr
    assert demo.runs() == []


def test_a_docker_project_runs_locally_when_asked(project: Write) -> None:
    demo = project({"MLproject": mlproject("pwd", image="of-no-meaning")})
    ended = run(demo, "--env-manager=local", "-A", "memory=1g")
    assert ended.exit_code == 0
    assert output(demo) == f"{demo.path}\n"
    assert "docker options do not apply" in ended.err


def test_an_environment_of_a_lock_alone_can_be_entered(project: Write, log: Path) -> None:
    from reprise.envs.cache import store
    from reprise.envs.docker import manager as manager
    from reprise.schemas.environment import DockerEnv, Policy
    from reprise.schemas.job import Command

    demo = project({"MLproject": mlproject("true"), "x": "here"})
    locked = manager.lock(DockerEnv(demo.path, IMAGE), Policy(), log)
    environment = store.from_lock(manager, locked, Policy(), log)
    entered = manager.enter(environment, Command(("cat", "x"), (), demo.path))
    try:
        assert docker(*entered.argv[1:]) == "here"
    finally:
        docker(*entered.release[1:], check=False)


def test_an_image_that_is_only_here_cannot_be_upgraded(project: Write) -> None:
    demo = project({"MLproject": mlproject("true")})
    refused = demo.reprise("lock", str(demo.path), "--upgrade")
    assert refused.exit_code == 4
    assert f"image {IMAGE} cannot be pulled:" in refused.err


@pytest.fixture
def labelled(tmp_path: Path) -> Iterator[str]:
    """The name of an image whose containers are told by a label of the same name."""
    name = f"reprise-test-{os.urandom(4).hex()}"
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nLABEL {name}=1\n")
    docker("build", f"--tag={name}", f"--file={tmp_path / 'Dockerfile'}", str(EXAMPLES))
    yield name
    docker("image", "rm", "--force", name)


@pytest.mark.parametrize("word", [".", "@last"])
def test_shell_and_exec_have_our_streams_and_leave_nothing(
    project: Write, labelled: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project({"MLproject": mlproject("true", image=labelled), "x": "here"})
    monkeypatch.chdir(demo.path)
    assert run(demo).exit_code == 0
    for words in (("shell", word), ("exec", word, "--", "sh")):
        argv = [sys.executable, "-m", "reprise", "env", *words]
        done = subprocess.run(argv, input="cat x; exit 7\n", capture_output=True, text=True, check=False)
        assert (done.stdout, done.returncode) == ("here", 7), done.stderr
    assert containers(labelled) == []


@pytest.mark.network
def test_iris_trains_in_a_container_with_the_real_client(house: Path, tmp_path: Path) -> None:
    """The example as it is, on the base image that is here."""
    folder = tmp_path / "iris"
    shutil.copytree(EXAMPLES / "iris", folder)
    for file in (folder / "docker" / "Dockerfile", folder / "docker" / "MLproject"):
        file.write_text(file.read_text().replace("python:3.12-slim", IMAGE))
    try:
        done = projects.run(str(folder / "docker"), parameters={"C": 0.05}, build_image=True)
        with EmbeddedStore(Path("mlruns").absolute()) as store:
            found = store.get_run(done.run_id)
            assert found.metrics["test_accuracy"].value > 0.8
            assert found.params["C"] == "0.05"
            assert found.tags["mlflow.docker.image.uri"] == "iris-docker"
            assert list(Path("mlruns").rglob("MLmodel"))
    finally:
        docker("image", "rm", "--force", "iris-docker", check=False)


def test_python_inside_is_observed_and_files_are_those_of_this_machine(
    project: Write, tmp_path: Path
) -> None:
    (shared := tmp_path / "shared").mkdir()
    (shared / "x.csv").write_text("5\n")
    script = "open('in.csv').read(); open('/data/x.csv').read(); open('/etc/hostname'); open('out', 'w')\n"
    script += "import os; os.environ['LEVEL']; os.environ.get('OMP_NUM_THREADS')\n"
    more = f"  volumes: ['{shared}:/data']\n  environment: [['LEVEL', '3']]\n"
    demo = project({"MLproject": mlproject("python3 a.py", more=more), "a.py": script, "in.csv": "6\n"})
    assert run(demo).exit_code == 0
    found = record_of(demo).observed
    assert found is not None
    assert {item.path for item in found.inputs} == {"a.py", "in.csv", str(shared / "x.csv")}
    assert found.written == ("out",)
    assert {item.name: item.digest is not None for item in found.variables} == {
        "LEVEL": True,
        "OMP_NUM_THREADS": False,
    }
    assert found.faults == ()
