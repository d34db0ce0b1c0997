"""Which environment a model is scored in, and which folder its address means."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest

from reprise.errors import EnvError, ProjectError, UsageError
from reprise.runner.models.environment import choose_environment, use_environment
from reprise.runner.models.folder import ModelFolder, open_model, resolve_model
from reprise.schemas.entities import Run
from reprise.schemas.environment import CondaEnv, Lock, Policy, PythonEnv
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import UV_CACHE
from tests.envs import conda_channel
from tests.runner.models.conftest import Trained, served
from tests.runner.models.test_differential import RECORDS

VERSION = ".".join(map(str, sys.version_info[:3]))
BOTH = "flavors: {python_function: {env: {virtualenv: python_env.yaml, conda: conda.yaml}}}\n"
FILES = {
    "MLmodel": BOTH,
    "python_env.yaml": f"python: {VERSION}\ndependencies: [-r requirements.txt]\n",
    "requirements.txt": "mlflow==3.17.0\nscikit_learn>=1.5\nwinonly==1; sys_platform == 'win32'\n",
    "conda.yaml": f"dependencies: [python={VERSION}, pip, {{pip: [mlflow==3.17.0]}}]\n",
}


def written(folder: Path, files: Mapping[str, str]) -> ModelFolder:
    for name, text in files.items():
        (folder / name).write_text(text)
    return ModelFolder(str(folder), folder, "iris", 3, "a" * 32)


def lock_with(*requirements: str) -> Lock:
    facts = {
        "implementation": "CPython",
        "python": VERSION,
        "platform": sysconfig.get_platform(),
        "requirements": list(requirements),
    }
    return Lock("virtualenv", json.dumps(facts))


def test_the_lock_of_the_run_is_taken_where_it_holds_what_the_model_asks_for(tmp_path: Path) -> None:
    lock = lock_with("mlflow==3.17.0", "scikit-learn==1.6.1", "pandas==2.2.3")
    model = written(tmp_path, FILES)._replace(lock=lock)
    manager, what = choose_environment(model, None)
    assert (manager.NAME, what) == ("virtualenv", lock)


@pytest.mark.parametrize(
    ("asked", "added"),
    [
        ("mlflow==2.22.0", ("starlette<1",)),
        ("mlflow-skinny>=2.9,<3", ("starlette<1",)),
        ("mlflow==3.17.0", ()),
        ("mlflow>=2", ()),
        ("mlflow<=4,>3.17", ()),
        ("mlflow==2.22.0\nstarlette==0.46", ()),
    ],
)
def test_an_older_mlflow_gets_a_starlette_that_its_server_runs_with(
    tmp_path: Path, asked: str, added: tuple[str, ...]
) -> None:
    _, what = choose_environment(written(tmp_path, {**FILES, "requirements.txt": asked}), None)
    assert isinstance(what, PythonEnv)
    assert what.dependencies == ("-r requirements.txt", *added)


def test_an_older_mlflow_of_a_conda_file_gets_it_too(tmp_path: Path) -> None:
    text = FILES["conda.yaml"].replace("3.17.0", "2.22.0")
    _, what = choose_environment(written(tmp_path, {**FILES, "conda.yaml": text}), "conda")
    assert isinstance(what, CondaEnv)
    assert what.pip == ("mlflow==2.22.0", "starlette<1")


def test_the_lock_of_a_run_is_left_where_its_mlflow_cannot_serve(tmp_path: Path) -> None:
    lock = lock_with("mlflow==2.22.0", "starlette==1.0.0")
    model = written(tmp_path, {**FILES, "requirements.txt": "mlflow==2.22.0"})._replace(lock=lock)
    assert choose_environment(model, None)[1] != lock


@pytest.mark.parametrize(
    "lock",
    [
        None,
        lock_with("mlflow==3.17.0"),
        lock_with("mlflow==2.9.0", "scikit-learn==1.6.1"),
        lock_with("mlflow==3.17.0", "scikit-learn==1.6.1", "./mine"),
        Lock("local", "{}"),
        lock_with("mlflow==3.17.0", "scikit-learn==1.6.1")._replace(
            text=lock_with("mlflow==3.17.0", "scikit-learn==1.6.1").text.replace(
                sysconfig.get_platform(), "otheros-riscv"
            )
        ),
    ],
    ids=["none", "a package missing", "another version", "own packages", "local", "another machine"],
)
def test_otherwise_the_files_of_the_model_decide(tmp_path: Path, lock: Lock | None) -> None:
    manager, what = choose_environment(written(tmp_path, FILES)._replace(lock=lock), None)
    assert isinstance(what, PythonEnv)
    assert (manager.NAME, what.python, what.dependencies) == (
        "virtualenv",
        VERSION,
        ("-r requirements.txt",),
    )


def test_the_manager_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    model = written(tmp_path, FILES)._replace(lock=lock_with("mlflow==3.17.0", "scikit-learn==1.6.1"))
    manager, what = choose_environment(model, "conda")
    assert (manager.NAME, type(what)) == ("conda", CondaEnv)
    assert choose_environment(model, "local")[0].NAME == "local"
    with pytest.raises(UsageError, match='no environment manager "poetry"'):
        choose_environment(model, "poetry")


def test_another_python_than_that_of_the_run_is_made_of_the_files_of_the_model(tmp_path: Path) -> None:
    model = written(tmp_path, FILES)._replace(lock=lock_with("mlflow==3.17.0", "scikit-learn==1.6.1"))
    manager, what = choose_environment(model, None, "3.10")
    assert (manager.NAME, type(what)) == ("virtualenv", PythonEnv)
    with pytest.raises(UsageError, match="cannot be changed"):
        choose_environment(model, "local", "3.10")


def test_a_conda_yaml_alone_needs_no_conda_unless_a_package_does(tmp_path: Path) -> None:
    files = {
        "MLmodel": "flavors: {python_function: {env: conda.yaml}}\n",
        "conda.yaml": FILES["conda.yaml"],
    }
    assert choose_environment(written(tmp_path, files), None)[0].NAME == "virtualenv"
    for more in ("cudatoolkit=11.8", "a-name-of-our-channel", "ours::python-tool", "numpy>=2"):
        files["conda.yaml"] = f"dependencies: [python, '{more}', pip, {{pip: [mlflow]}}]\n"
        assert choose_environment(written(tmp_path, files), None)[0].NAME == "conda"


@pytest.mark.parametrize(
    ("files", "error", "said"),
    [
        ({"MLmodel": "flavors: {python_function: {}}\n"}, EnvError, "has no environment"),
        ({"MLmodel": "flavors: {sklearn: {}}\n"}, UsageError, "no flavor python_function"),
        ({"MLmodel": "- 1\n"}, ProjectError, "cannot read"),
        ({**FILES, "python_env.yaml": "dependencies: 3\n"}, ProjectError, "python_env.yaml has a fault"),
        (
            {"MLmodel": "flavors: {python_function: {env: {virtualenv: ../../secret.yaml}}}\n"},
            UsageError,
            "leaves",
        ),
    ],
)
def test_a_model_that_cannot_be_scored_is_refused(
    tmp_path: Path, files: Mapping[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        choose_environment(written(tmp_path, files), None)


def test_an_environment_without_mlflow_is_told(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    monkeypatch.setenv("VIRTUAL_ENV", str(bare))
    with (
        pytest.raises(EnvError, match="has no mlflow"),
        use_environment(written(tmp_path, FILES), "local", Policy()),
    ):
        raise AssertionError


@pytest.fixture
def store(house: Path) -> EmbeddedStore:
    return EmbeddedStore(Path("mlruns").absolute())


@pytest.fixture
def run(store: EmbeddedStore, tmp_path: Path) -> Run:
    run = store.create_run("0", start_time=1, user_id="ada")
    (tmp_path / "MLmodel").write_text(BOTH)
    store.upload_artifact(run.run_id, tmp_path / "MLmodel", "model/MLmodel")
    store.upload_artifact(run.run_id, tmp_path / "MLmodel", "plots/curve.txt")
    store.create_registered_model("iris")
    for _ in range(2):
        store.create_model_version("iris", f"{run.artifact_uri}/model", run_id=run.run_id)
    store.set_registered_model_alias("iris", "champion", "1")
    store.transition_model_version_stage("iris", "1", "Production")
    return run


@pytest.mark.parametrize(
    ("address", "version"),
    [
        ("models:/iris@champion", 1),
        ("models:/iris/2", 2),
        ("models:/iris/Production", 1),
        ("models:/iris/latest", 2),
        ("runs:/@last/model", None),
    ],
)
def test_an_address_is_the_folder_of_the_store(
    store: EmbeddedStore, run: Run, address: str, version: int | None
) -> None:
    with store, open_model(store, address) as model:
        assert model.folder == store.artifact_folder(run.run_id) / "model"
        assert (model.version, model.run_id) == (version, run.run_id)
        assert resolve_model(store, address)[2:] == model[2:6]


def test_a_folder_is_written_as_a_path_or_a_url(store: EmbeddedStore, tmp_path: Path) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    for address in (str(folder), folder.as_uri()):
        with open_model(store, address) as model:
            assert model.folder == folder


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("runs:/@last/plots", "has no file MLmodel"),
        ("runs:/@last/nope", 'has no model "nope"'),
        ("runs:/@last", "is not the address of a model"),
        ("models:/iris", "is not the address of a model"),
        ("models:/iris@champion/1", "is not the address of a model"),
        ("s3:/bucket/model", "is not the address of a model"),
        ("no/such/folder", "is not a folder with a model"),
    ],
)
def test_what_is_no_model_is_refused(store: EmbeddedStore, run: Run, address: str, said: str) -> None:
    with store, pytest.raises(UsageError, match=said), open_model(store, address):
        raise AssertionError


@pytest.mark.mlflow
@pytest.mark.network
def test_iris_is_served_in_a_fresh_environment(trained: Trained, tmp_path: Path) -> None:
    fresh = trained._replace(environ={**trained.environ, "UV_CACHE_DIR": UV_CACHE})
    with served(fresh, tmp_path / "log", "models:/iris/1", "--env-manager", "virtualenv") as server:
        answer = server.ask({"dataframe_records": RECORDS})
        assert (answer.status_code, answer.json()) == (200, {"predictions": [0, 2, 1]})
        processes = [entry.name for entry in (trained.folder / "cache" / "envs-v1").glob("virtualenv-*")]
        assert processes
        assert "Environment: virtualenv, by the files of the model" in server.log.read_text()


GREETING = """
import sys, mlflow

class Greeting(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        import greeter
        return [{"greeter": greeter.__version__, "prefix": sys.prefix}]

mlflow.pyfunc.save_model(sys.argv[1], python_model=Greeting(), conda_env=sys.argv[2])
"""
"""A model that needs a package of a conda channel."""


@pytest.mark.mlflow
@pytest.mark.network
def test_a_model_of_conda_answers_in_the_environment_of_its_conda_yaml(
    trained: Trained, tmp_path: Path
) -> None:
    mlflow = importlib.metadata.version("mlflow")
    conda_env = {
        "channels": [conda_channel.shared()],
        "dependencies": [f"python={VERSION}", "greeter=1.0", "pip", {"pip": [f"mlflow=={mlflow}"]}],
    }
    (tmp_path / "conda.yaml").write_text(json.dumps(conda_env))
    argv = [sys.executable, "-c", GREETING, str(tmp_path / "model"), str(tmp_path / "conda.yaml")]
    subprocess.run(argv, cwd=tmp_path, env=trained.environ, check=True, capture_output=True)
    fresh = trained._replace(environ={**trained.environ, "UV_CACHE_DIR": UV_CACHE})
    with served(fresh, tmp_path / "log", str(tmp_path / "model"), "--env-manager", "conda") as server:
        answer = server.ask({"dataframe_records": [{"x": 1}]})
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["predictions"]
        environments = (trained.folder / "cache" / "envs-v1").glob("conda-*")
        assert Path(found["prefix"]).resolve() in [path.resolve() for path in environments]
    assert found["greeter"] == "1.0"
