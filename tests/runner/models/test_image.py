"""Images that serve a model: what they are built from, and what they do in the engine of this machine."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reprise.envs.docker.base_image import Base
from reprise.envs.docker.images import Image
from reprise.runner.models import image_context
from reprise.runner.models.image_context import ImageTrees
from tests.conftest import UV_CACHE, ProjectFolder, Result
from tests.envs import conda_channel, docker_engine, wheels
from tests.envs.docker_engine import IMAGE, docker
from tests.runner.models.conftest import Trained

Reprise = Callable[..., Result]

BASE = Base(
    Image("base", "sha256:1", None, "linux/amd64"),
    "CPython",
    "3.11.2",
    "x86_64",
    "2.36",
    "/usr/bin/python3",
)
SERVER = """
import os, time

def get_cmd(model, port, host, nworkers):
    if "STARTS_SLOWLY" in os.environ:
        print("starting", flush=True)
        time.sleep(600)
    if "TELLS" in os.environ:
        return f"printenv {os.environ['TELLS']}", dict(os.environ)
    command = f"python -m http.server {port} --bind {host} --directory ${{FOLDER}}"
    return command, {**os.environ, "FOLDER": model}
"""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def reprise(project: Callable[[Mapping[str, str]], ProjectFolder]) -> Reprise:
    """The command line in this process."""
    return project({}).reprise


def members(packages: Path, model: Path) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """The context as the builder gets it."""
    written = context(packages, model)
    with tarfile.open(fileobj=io.BytesIO(written)) as archive:
        found = {}
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            found[member.name] = (member, stream.read() if stream else b"")
    return found


def context(packages: Path, model: Path) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        image_context.write_context(
            archive, ImageTrees(packages), model, BASE, image_context.write_dockerfile(BASE, "base", 8080)
        )
    return written.getvalue()


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    packages, model = tmp_path / "packages", tmp_path / "model"
    for folder in (packages / "bin", packages / "beta", model / "data"):
        folder.mkdir(parents=True)
    (packages / "beta" / "__init__.py").write_text("")
    (packages / "bin" / "short").write_text("#!/home/ada/venv/bin/python3\nimport beta\n")
    (packages / "bin" / "long").write_text(
        "#!/bin/sh\n'''exec' \"/home/ada/a folder/bin/python3\" \"$0\" \"$@\"\n' '''\nimport beta\n"
    )
    (packages / "bin" / "shell").write_text("#!/bin/sh\necho python\n")
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "data" / "secret").symlink_to("/etc/shadow")
    return packages, model


def test_the_same_trees_make_the_same_bytes(trees: tuple[Path, Path]) -> None:
    before = context(*trees)
    for path in (*trees[0].rglob("*"), *trees[1].rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)
        if path.is_file() and not path.is_symlink():
            path.chmod(0o640)
    assert context(*trees) == before


def test_programs_start_the_python_of_the_image(trees: tuple[Path, Path]) -> None:
    found = members(*trees)
    folder = "packages/opt/reprise/environment/bin"
    for name in ("short", "long"):
        assert found[f"{folder}/{name}"][1] == b"#!/opt/reprise/environment/bin/python\nimport beta\n"
        assert found[f"{folder}/{name}"][0].mode == 0o755
    assert found[f"{folder}/shell"][1] == b"#!/bin/sh\necho python\n"
    assert found[f"{folder}/python"][0].linkname == "/usr/bin/python3"
    assert b"/home/ada" not in context(*trees)


def test_a_link_in_a_model_brings_no_file_of_this_machine(trees: tuple[Path, Path]) -> None:
    member, data = members(*trees)["rest/opt/reprise/model/data/secret"]
    assert (member.issym(), member.linkname, data) == (True, "/etc/shadow", b"")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose MLflow is a few lines: it serves the files of the model's folder."""
    index = tmp_path / "index"
    files = {
        "mlflow/__init__.py": "",
        "mlflow/pyfunc/__init__.py": "",
        "mlflow/pyfunc/scoring_server.py": SERVER,
        "mlflow-3.0.dist-info/entry_points.txt": "[console_scripts]\nmlflow = mlflow:main\n",
    }
    wheels.make(index, "mlflow", "3.0", files=files)
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    folder = tmp_path / "model"
    folder.mkdir()
    flavor = {"loader_module": "x", "env": {"virtualenv": "python_env.yaml"}}
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"python_function": flavor}}))
    (folder / "python_env.yaml").write_text(f"python: '{PYTHON}'\ndependencies: [mlflow]\n")
    (folder / "ping").write_text("pong\n")
    return folder


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-n", "--rm"), "is not the name of an image"),
        (("-n", "a b"), "is not the name of an image"),
        (("-n", "Iris:3"), "with NAME in lower case"),
        (("-n", "iris:"), "is not the name of an image"),
        (("-n", "iris", "--base", "--rm"), "is not the name of an image"),
        (("-n", "iris", "--platform", "windows"), "is not linux/ARCHITECTURE"),
    ],
)
def test_words_that_docker_would_take_for_something_else(
    reprise: Reprise,
    model: Path,
    options: tuple[str, ...],
    said: str,
) -> None:
    done = reprise("models", "build-docker", "-m", str(model), *options)
    assert (done.exit_code, said in done.err) == (2, True), done.err


@pytest.fixture
def name() -> Iterator[str]:
    """The name of an image, which is gone afterwards with those that were made under it."""
    name = f"reprise-test-{uuid.uuid4().hex[:8]}"
    yield f"{name}:one"
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name).split()
    docker("image", "rm", "--force", *tags, check=bool(tags))


@contextmanager
def container(name: str) -> Iterator[str]:
    """A container of the image, until the block ends; yields its address."""
    made = docker("run", "--detach", "--publish=127.0.0.1::8080", name)
    try:
        published = docker("port", made, "8080", check=False)
        assert published, docker("logs", made)
        address = f"http://{published.splitlines()[0]}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/ping", timeout=10).close()
                break
            except (OSError, urllib.error.URLError):
                time.sleep(0.25)
        else:
            raise AssertionError(docker("logs", made))
        yield address
    finally:
        docker("rm", "--force", made, check=False)


def facts(name: str) -> dict[str, Any]:
    (found,) = json.loads(docker("image", "inspect", name))
    return dict(found)


@pytest.mark.docker
def test_the_image_serves_the_model_as_nobody(reprise: Reprise, model: Path, name: str) -> None:
    done = reprise("models", "build-docker", "-m", str(model), "-n", name, "--base", IMAGE)
    assert done.exit_code == 0, done.err
    config = facts(name)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["reprise.model"] == "model"
    assert len(config["Labels"]["reprise.model.lock"]) == 64
    assert "/ping" in config["Healthcheck"]["Test"][-1]
    with container(name) as address, urllib.request.urlopen(f"{address}/MLmodel", timeout=10) as answer:
        assert answer.read() == (model / "MLmodel").read_bytes()
    wrote = docker(
        "run", "--rm", "--entrypoint=sh", name, "-c", "touch /opt/reprise/x || echo no; mlflow || id -u"
    )
    assert wrote.split() == ["no", "10001"]


@pytest.mark.docker
def test_the_same_model_and_lock_give_the_same_layers(reprise: Reprise, model: Path, name: str) -> None:
    build = ("models", "build-docker", "-m", str(model), "--base", IMAGE)
    assert reprise(*build, "-n", name).exit_code == 0
    layers = facts(name)["RootFS"]["Layers"]
    docker("image", "rm", name)  # and with it what the builder remembers
    os.utime(model / "MLmodel", (1, 1))
    assert reprise(*build, "-n", name).exit_code == 0
    assert facts(name)["RootFS"]["Layers"] == layers
    (model / "ping").write_text("another version\n")
    docker("image", "rm", name)
    assert reprise(*build, "-n", name).exit_code == 0
    changed = facts(name)["RootFS"]["Layers"]
    assert [a == b for a, b in zip(layers, changed, strict=True)] == [*[True] * (len(layers) - 1), False]


@pytest.mark.docker
def test_a_server_stops_at_once_also_while_it_starts(reprise: Reprise, model: Path, name: str) -> None:
    done = reprise("models", "build-docker", "-m", str(model), "-n", name, "--base", IMAGE)
    assert done.exit_code == 0, done.err
    made = docker("run", "--detach", "--env=STARTS_SLOWLY=1", name)
    try:
        while "starting" not in docker("logs", made):
            assert docker("inspect", "--format", "{{.State.Running}}", made) == "true"
        docker("stop", "--time=60", made)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", made) == "143"  # 137 if it was killed
    finally:
        docker("rm", "--force", made)


@pytest.mark.docker
def test_what_the_image_is_told_wrongly_it_says(reprise: Reprise, model: Path, name: str) -> None:
    done = reprise("models", "build-docker", "-m", str(model), "-n", name, "--base", IMAGE)
    assert done.exit_code == 0, done.err
    for words, said in (
        (("--env=MLFLOW_MODELS_WORKERS=many", name), "MLFLOW_MODELS_WORKERS is many, and must be a number"),
        ((name, "bash"), "the image takes no arguments: bash"),
    ):
        run = subprocess.run(["docker", "run", "--rm", *words], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr.partition("\n")[0].startswith(said)) == (1, True), run.stderr


@pytest.fixture
def conda_model(tmp_path: Path, model: Path) -> Path:
    """The model with a conda.yaml alone: Python, MLflow and scripts are conda's, one package is pip's."""
    channel = tmp_path / "channel"
    files = {
        "site-packages/mlflow/__init__.py": "",
        "site-packages/mlflow/pyfunc/__init__.py": "",
        "site-packages/mlflow/pyfunc/scoring_server.py": SERVER,
    }
    conda_channel.package(channel, "mlflow", "3.0", files, depends=["python"], noarch="python")
    script = "export FOLDER_OF_SCRIPT=$CONDA_PREFIX\n"
    activate = {"etc/conda/activate.d/one.sh": script, "bin/.lib-post-link.sh": "exit 1\n"}
    conda_channel.package(channel, "lib", files=activate)
    files = {"beta.py": "def main(): import sys; print(sys.prefix)\n"}
    files["beta-1.0.dist-info/entry_points.txt"] = "[console_scripts]\nbeta = beta:main\n"
    wheels.make(tmp_path / "index", "beta", "1.0", files=files)
    (model / "python_env.yaml").unlink()
    conda = {
        "name": "demo",
        "channels": [channel.as_uri(), conda_channel.shared()],
        "dependencies": ["python", "mlflow", "lib", "greeter=1.0", "pip", {"pip": ["beta"]}],
    }
    (model / "conda.yaml").write_text(json.dumps(conda))
    flavor = {"loader_module": "x", "env": {"conda": "conda.yaml"}}
    (model / "MLmodel").write_text(json.dumps({"flavors": {"python_function": flavor}}))
    return model


@pytest.mark.docker
def test_packages_of_conda_bring_their_own_python(reprise: Reprise, conda_model: Path, name: str) -> None:
    bare = f"{name.partition(':')[0]}:bare"
    docker_engine.build(bare, f"FROM {IMAGE}\nRUN rm /usr/bin/python3*\n")
    build = ("models", "build-docker", "-m", str(conda_model), "-n", name, "--base", bare)
    done = reprise(*build)
    assert done.exit_code == 0, done.err
    assert "The install script of lib" in done.err
    with container(name) as address, urllib.request.urlopen(f"{address}/MLmodel", timeout=10) as answer:
        assert answer.read() == (conda_model / "MLmodel").read_bytes()
    look = "greet; beta; ls -d /opt/reprise/environment/*; grep -rl /home /opt/reprise/environment/bin/b*"
    prefix = "/opt/reprise/environment"
    seen = docker("run", "--rm", "--entrypoint=sh", name, "-c", look, check=False).splitlines()
    assert seen == [f"hello 1.0 {prefix}", prefix, *(f"{prefix}/{it}" for it in ("bin", "etc", "lib"))]
    told = docker("run", "--rm", "--env=TELLS=FOLDER_OF_SCRIPT", name)
    assert told == prefix
    layers = facts(name)["RootFS"]["Layers"]
    docker("image", "rm", name)
    assert reprise(*build).exit_code == 0
    assert facts(name)["RootFS"]["Layers"] == layers


@pytest.mark.docker
def test_a_base_without_glibc_or_shell_is_refused_for_conda(
    reprise: Reprise, conda_model: Path, name: str
) -> None:
    repository = name.partition(":")[0]
    musl = "RUN rm /usr/bin/getconf /usr/bin/ldd"
    old = "RUN printf '#!/bin/sh\\necho glibc 2.5\\n' > /usr/bin/getconf"
    for tag, line, said in (
        ("musl", musl, "need glibc"),
        ("old", old, "needs __glibc >=2.17; the image has 2.5"),
        ("none", "RUN rm /bin/sh", "cannot run sh"),
    ):
        docker_engine.build(f"{repository}:{tag}", f"FROM {IMAGE}\n{line}\n")
        done = reprise(
            "models", "build-docker", "-m", str(conda_model), "-n", name, "--base", f"{repository}:{tag}"
        )
        assert (done.exit_code, said in done.err) == (4, True), done.err


@pytest.mark.docker
def test_a_base_that_does_not_fit_is_refused(reprise: Reprise, model: Path, name: str) -> None:
    found = json.dumps(["CPython", "3.99.1", "x86_64", "2.36", "/usr/bin/python3"])
    other = base64.b64encode(f"#!/bin/sh\necho '{found}'\n".encode()).decode()
    gone = "RUN rm /usr/bin/python3"
    put = f"{gone} && echo {other} | base64 -d > /usr/bin/python3 && chmod +x /usr/bin/python3"
    repository = name.partition(":")[0]
    for tag, line, said in (("none", gone, "cannot run python3"), ("other", put, "has CPython 3.99.1")):
        docker_engine.build(f"{repository}:{tag}", f"FROM {IMAGE}\n{line}\n")
        done = reprise(
            "models", "build-docker", "-m", str(model), "-n", name, "--base", f"{repository}:{tag}"
        )
        assert (done.exit_code, said in done.err) == (4, True), done.err
    assert not docker("image", "ls", "--quiet", name)


@pytest.mark.docker
@pytest.mark.mlflow
@pytest.mark.network
def test_iris_answers_as_it_predicts(
    reprise: Reprise, trained: Trained, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)
    store = ("--tracking-uri", str(trained.folder / "mlruns"))
    done = reprise("models", "build-docker", "-m", "models:/iris/1", "-n", name, "--base", IMAGE, *store)
    assert done.exit_code == 0, done.err
    assert facts(name)["Config"]["Labels"]["reprise.model"] == "models:/iris/1"
    (file,) = (trained.folder / "mlruns").rglob(f"*{model_of_first(trained)}/**/serving_input_example.json")
    with container(name) as address:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/invocations", file.read_bytes(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            served = json.load(answer)
    local = ("--env-manager", "local", "-i", str(file))
    here = trained.reprise("models", "predict", "-m", "models:/iris/1", *local)
    assert served == json.loads(here.stdout), here.stderr


def model_of_first(trained: Trained) -> str:
    """The logged model that is version 1 of iris."""
    versions = json.loads(trained.reprise("models", "show", "iris", "--json").stdout)["versions"]
    (model_id,) = (version["model_id"] for version in versions if version["version"] == 1)
    return str(model_id)
