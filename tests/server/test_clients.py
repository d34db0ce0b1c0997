"""Scripts that use the real MLflow clients, 3.x and 2.x, against the facade of their run."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv

from reprise.schemas.entities import Run
from reprise.schemas.tags import MOVED_FROM
from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.conftest import UV_CACHE
from tests.fakes import mlflow_server

pytestmark = pytest.mark.mlflow

REQUIREMENTS = ("mlflow-skinny==2.22.*", "opentelemetry-sdk<1.33", "scikit-learn", "pandas")
"""What a 2.x client needs to log a model and a trace; ``TEST_MLFLOW2_ENV`` names a folder to keep it in."""


@pytest.fixture(scope="session")
def mlflow2(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has MLflow 2.22."""
    kept = os.environ.get("TEST_MLFLOW2_ENV")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("mlflow2") / "env"
    python = folder / "bin" / "python"
    if not python.exists():
        tool = uv.find_uv_bin()
        environ = {**os.environ, "UV_CACHE_DIR": UV_CACHE}
        make = [tool, "venv", "--quiet", "--python", sys.executable, str(folder)]
        subprocess.run(make, check=True, env=environ)
        install = [tool, "pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS]
        subprocess.run(install, check=True, env=environ)
    return str(python)


@pytest.fixture(params=["3.x", pytest.param("2.x", marks=pytest.mark.network)])
def python(request: pytest.FixtureRequest) -> str:
    return sys.executable if request.param == "3.x" else str(request.getfixturevalue("mlflow2"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        yield store


def perform(store: EmbeddedStore, script: str, python: str = sys.executable) -> tuple[Run, str]:
    """Run ``script`` as the child of a new run; return the run afterwards, and what it printed."""
    run = store.create_run("0", start_time=1, user_id="me", run_name="project run")
    with Loopback.start(store, run.run_id) as loopback:
        environ = {
            **mlflow_server.client_environ(Path.cwd()),
            **loopback.environ,
            "MLFLOW_RUN_ID": run.run_id,
            "MLFLOW_EXPERIMENT_ID": "0",
        }
        done = subprocess.run([python, "-c", script], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return store.get_run(run.run_id), done.stdout


PLAIN = """
import json, mlflow
with mlflow.start_run() as run:
    mlflow.log_params({"C": 0.5, "name": "a 'b' \\"c\\" $d ; e"})
    mlflow.log_metric("acc", 0.9, step=3)
    mlflow.log_metrics({"nan": float("nan"), "inf": float("inf")})
    mlflow.set_tags({"colour": "blue", "gone": "soon"})
    mlflow.delete_tag("gone")
    mlflow.log_text("hello", "notes/hello wörld.txt")
    mlflow.log_dict({"a": 1}, "a.json")
client = mlflow.MlflowClient()
print(json.dumps({
    "files": [file.path for file in client.list_artifacts(run.info.run_id)],
    "file": open(client.download_artifacts(run.info.run_id, "a.json")).read(),
    "history": [point.value for point in client.get_metric_history(run.info.run_id, "acc")],
    "found": mlflow.search_runs(filter_string="metrics.acc > 0.8", output_format="list")[0].info.run_id,
}))
"""


def test_plain_logging(store: EmbeddedStore, python: str) -> None:
    run, printed = perform(store, PLAIN, python)
    assert run.status == "FINISHED"
    assert run.params == {"C": "0.5", "name": "a 'b' \"c\" $d ; e"}
    assert (run.metrics["acc"].value, run.metrics["acc"].step) == (0.9, 3)
    assert math.isnan(run.metrics["nan"].value) and run.metrics["inf"].value == math.inf
    assert run.tags["colour"] == "blue" and "gone" not in run.tags
    folder = store.artifact_folder(run.run_id)
    assert (folder / "notes" / "hello wörld.txt").read_text() == "hello"
    seen = json.loads(printed.splitlines()[-1])
    assert seen["files"] == ["a.json", "notes"] and json.loads(seen["file"]) == {"a": 1}
    assert seen["history"] == [0.9] and seen["found"] == run.run_id


MODEL = """
import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
mlflow.set_experiment("chosen by the script")
X, y = load_iris(return_X_y=True)
with mlflow.start_run() as run:
    model = LogisticRegression(C=0.5, max_iter=300).fit(X, y)
    mlflow.log_param("C", 0.50)
    mlflow.sklearn.log_model(
        model, "model", registered_model_name="iris",
        signature=infer_signature(X, model.predict(X)), input_example=X[:2])
client = mlflow.MlflowClient()
client.set_registered_model_alias("iris", "champion", "1")
for uri in ("models:/iris/1", "models:/iris@champion", f"runs:/{run.info.run_id}/model"):
    assert (mlflow.sklearn.load_model(uri).predict(X) == model.predict(X)).all(), uri
print(mlflow.search_runs(experiment_names=["chosen by the script"], output_format="list")[0].info.run_id)
print(client.search_model_versions("name='iris'")[0].version)
"""


def test_a_model_is_logged_registered_and_loaded_in_the_experiment_of_the_script(
    store: EmbeddedStore, python: str
) -> None:
    run, printed = perform(store, MODEL, python)
    assert store.get_experiment(run.experiment_id).name == "chosen by the script"
    assert run.tags[MOVED_FROM] == "0"
    assert printed.split()[-2:] == [run.run_id, "1"]
    owner, path = store.model_location("iris", "@champion")
    files = {file.path.rpartition("/")[2] for file in store.list_artifacts(owner, path)}
    assert {"MLmodel", "input_example.json", "requirements.txt"} <= files


AUTOLOG = """
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
mlflow.sklearn.autolog()
mlflow.log_param("C", "0.50")
LogisticRegression(C=0.5, max_iter=300).fit(*load_iris(return_X_y=True))
"""


def test_autologging_an_equal_number_is_no_conflict(store: EmbeddedStore) -> None:
    run, _ = perform(store, AUTOLOG)
    assert run.status == "FINISHED"
    assert run.params["C"] == "0.50" and run.params["max_iter"] == "300"
    assert "training_accuracy_score" in run.metrics
    assert run.dataset_inputs and run.model_outputs
    model = store.get_logged_model(run.model_outputs[0].model_id)
    assert (model.status, model.source_run_id) == ("LOGGED_MODEL_READY", run.run_id)
    assert model.metrics


COMPARED = """
import mlflow
mlflow.set_experiment("chosen")
mlflow.search_runs(experiment_names=["compared"], output_format="list")
mlflow.log_metric("acc", 1)
"""


def test_looking_another_experiment_up_does_not_mislead(store: EmbeddedStore) -> None:
    store.create_experiment("compared")
    run, _ = perform(store, COMPARED)
    assert store.get_experiment(run.experiment_id).name == "chosen"


TRACED = """
import json, mlflow
@mlflow.trace
def predict(x):
    with mlflow.start_span("inner") as span:
        span.set_inputs({"x": x})
    return x + 1
with mlflow.start_run() as run:
    predict(1)
    mlflow.log_metric("acc", 1)
if hasattr(mlflow, "flush_trace_async_logging"):
    mlflow.flush_trace_async_logging()
client = mlflow.MlflowClient()
found = client.search_traces([run.info.experiment_id], filter_string="tags.`mlflow.traceName` = 'predict'")
print(json.dumps([[span.name for span in trace.data.spans] for trace in found]))
"""


def test_traces_are_kept_with_their_spans(store: EmbeddedStore, python: str) -> None:
    run, printed = perform(store, TRACED, python)
    assert run.status == "FINISHED" and run.metrics["acc"].value == 1
    assert [sorted(spans) for spans in json.loads(printed.splitlines()[-1])] == [["inner", "predict"]]


JUDGED = """
import json, mlflow
from mlflow.entities import AssessmentSource, Feedback
with mlflow.start_run() as run:
    for name in ("first", "second"):
        with mlflow.start_span(name):
            pass
mlflow.flush_trace_async_logging()
places = {"locations": [run.info.experiment_id], "return_type": "list"}
first, second = mlflow.search_traces(order_by=["timestamp_ms ASC"], run_id=run.info.run_id, **places)
person = AssessmentSource(source_type="HUMAN", source_id="ada")
said = mlflow.log_feedback(trace_id=first.info.trace_id, name="good", value=True, source=person)
mlflow.log_expectation(trace_id=first.info.trace_id, name="answer", value={"a": [1]})
other = mlflow.override_feedback(
    trace_id=first.info.trace_id, assessment_id=said.assessment_id, value=False)
mlflow.update_assessment(
    trace_id=first.info.trace_id, assessment_id=other.assessment_id,
    assessment=Feedback(name="good", value="hardly", metadata={"why": "slow"}))
mlflow.set_trace_tag(first.info.trace_id, "colour", "blue")
assessments = mlflow.get_trace(first.info.trace_id).info.assessments
gone = mlflow.MlflowClient().delete_traces(run.info.experiment_id, trace_ids=[second.info.trace_id])
print(json.dumps({
    "said": [[one.name, one.value, one.valid] for one in assessments],
    "hardly": len(mlflow.search_traces(filter_string="feedback.good = 'hardly'", **places)),
    "blue": len(mlflow.search_traces(filter_string="tags.colour = 'blue'", **places)),
    "gone": gone,
    "left": len(mlflow.search_traces(**places)),
}))
"""


def test_traces_are_judged_searched_and_deleted(store: EmbeddedStore) -> None:
    _, printed = perform(store, JUDGED)
    assert json.loads(printed.splitlines()[-1]) == {
        "said": [["good", True, False], ["answer", {"a": [1]}, None], ["good", "hardly", True]],
        "hardly": 1,
        "blue": 1,
        "gone": 1,
        "left": 1,
    }


PROMPTS = """
import json, mlflow
register = mlflow.genai.register_prompt
register(name="greet", template="Hello {{name}}", commit_message="first", tags={"a": "b"})
register(name="greet", template=[{"role": "user", "content": "Hi {{name}}"}])
mlflow.genai.set_prompt_alias("greet", alias="prod", version=1)
client = mlflow.MlflowClient()
print(json.dumps({
    "text": mlflow.genai.load_prompt("prompts:/greet@prod").format(name="Ada"),
    "chat": mlflow.genai.load_prompt("greet", version=2).template[0]["content"],
    "found": [prompt.name for prompt in mlflow.genai.search_prompts()],
    "models": [model.name for model in client.search_registered_models()],
}))
"""


def test_prompts_are_registered_and_are_no_models(store: EmbeddedStore) -> None:
    _, printed = perform(store, PROMPTS)
    assert json.loads(printed.splitlines()[-1]) == {
        "text": "Hello Ada",
        "chat": "Hi {{name}}",
        "found": ["greet"],
        "models": [],
    }


IN_PARTS = """
import mlflow, os
os.environ.update(
    MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true",
    MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE="1",
    MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE="5242880")
open("large.bin", "wb").write(os.urandom(12_000_000))
with mlflow.start_run() as run:
    mlflow.log_artifact("large.bin", "data")
back = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="data/large.bin")
print(open(back, "rb").read() == open("large.bin", "rb").read())
"""


def test_a_client_uploads_in_parts(store: EmbeddedStore, python: str) -> None:
    _, printed = perform(store, IN_PARTS, python)
    assert printed.splitlines()[-1] == "True"


COPIED = """
import json, mlflow, pandas
client = mlflow.MlflowClient()
with mlflow.start_run() as run:
    mlflow.log_text("flavors: {}", "model/MLmodel")
    frame = mlflow.data.from_pandas(pandas.DataFrame({"a": [1]}), name="frame")
    mlflow.log_input(frame, context="train")
client.create_registered_model("source")
for _ in range(2):
    client.create_model_version("source", f"{run.info.artifact_uri}/model", run.info.run_id)
client.copy_model_version("models:/source/1", "copy")
client.rename_registered_model("copy", "renamed")
for version in "12":
    client.transition_model_version_stage("source", version, "Production", archive_existing_versions=True)
print(json.dumps({
    "files": client.get_model_version_download_uri("renamed", "1") == f"{run.info.artifact_uri}/model",
    "stages": [client.get_model_version("source", version).current_stage for version in "12"],
    "latest": client.get_latest_versions("source", ["Production"])[0].version,
    "dataset": len(mlflow.search_runs(filter_string="dataset.name = 'frame'", output_format="list")),
}))
"""


def test_versions_are_copied_renamed_and_staged(store: EmbeddedStore, python: str) -> None:
    _, printed = perform(store, COPIED, python)
    assert json.loads(printed.splitlines()[-1]) == {
        "files": True,
        "stages": ["Archived", "Production"],
        "latest": "2",
        "dataset": 1,
    }


FAILING = """
import json, mlflow
from mlflow.exceptions import MlflowException
client = mlflow.MlflowClient()
codes = []
for call in (
    lambda: client.get_run("0" * 32),
    lambda: client.create_experiment("Default"),
    lambda: client.search_runs(["0"], "this is no filter"),
    lambda: client.get_registered_model("none"),
):
    try:
        call()
    except MlflowException as error:
        codes.append(error.error_code)
print(json.dumps(codes))
"""


def test_errors_reach_the_client_in_its_own_words(store: EmbeddedStore) -> None:
    _, printed = perform(store, FAILING)
    assert json.loads(printed.splitlines()[-1]) == [
        "RESOURCE_DOES_NOT_EXIST",
        "RESOURCE_ALREADY_EXISTS",
        "INVALID_PARAMETER_VALUE",
        "RESOURCE_DOES_NOT_EXIST",
    ]
