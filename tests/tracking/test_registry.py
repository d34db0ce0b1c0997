"""Which store a tracking URI opens."""

from __future__ import annotations

import builtins
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reprise.errors import TrackingError, UsageError
from reprise.tracking.registry import open_own_store, open_tracking
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.tracking.stores import mlflow_sqlite


def test_without_a_uri_the_store_is_found_upward(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.get_experiment("0")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    with closing(open_tracking(None, deep)) as store:
        assert store.uri == str(tmp_path / "mlruns")


def test_without_a_store_one_is_made_where_we_stand(tmp_path: Path) -> None:
    with closing(open_tracking(None, tmp_path)) as store:
        assert store.uri == str(tmp_path / "mlruns")
        assert not (tmp_path / "mlruns").exists()  # not before it is used
        store.get_experiment("0")
    assert (tmp_path / "mlruns" / "reprise.db").is_file()


@pytest.mark.parametrize("form", ["{0}", "file://{0}", "file:{0}", "reprise:{0}", "my store", "./my store"])
def test_a_local_path_in_any_form_is_an_embedded_store(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "my store"
    with closing(
        open_tracking(form.format(str(folder).replace(" ", "%20") if ":" in form else folder), tmp_path)
    ) as store:
        assert store.home == folder
        assert store.uri == str(folder)


def test_the_uri_of_a_store_opens_it_again(tmp_path: Path) -> None:
    with closing(open_tracking(None, tmp_path)) as store:
        number = store.create_experiment("x")
    with closing(open_tracking(store.uri, tmp_path / "elsewhere")) as again:
        assert again.get_experiment(number).name == "x"


@pytest.mark.parametrize(
    "uri", ["sqlite:///mlflow.db", "postgresql://ada:secret@host/db", "databricks", "old"]
)
def test_other_stores_need_the_mlflow_library(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old" / "0").mkdir(parents=True)
    (tmp_path / "old" / "0" / "meta.yaml").write_text("name: Default")
    real = builtins.__import__

    def without_mlflow(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "mlflow" or name == "reprise.tracking.mlflow_library.adapter":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_mlflow)
    with pytest.raises(TrackingError, match="needs the MLflow library") as refused:
        open_tracking(uri, tmp_path)
    assert refused.value.hint and "reprise-ml[mlflow]" in refused.value.hint
    assert "secret" not in refused.value.message
    assert not (tmp_path / "old" / "reprise.db").exists()


def test_a_new_store_is_out_of_sight_of_git_also_when_its_jobs_were_there_first(tmp_path: Path) -> None:
    (tmp_path / "mlruns" / "jobs").mkdir(parents=True)
    with closing(open_tracking(str(tmp_path / "mlruns"), tmp_path)) as store:
        store.get_experiment("0")
    assert (tmp_path / "mlruns" / ".gitignore").read_text() == "*\n"


def test_mlflow_s_own_file_store_is_left_as_it_is_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("name: Default\n")
    with closing(open_tracking(None, tmp_path)) as store:
        store.get_experiment("0")
    assert "also holds MLflow's own file store" in caplog.text
    assert not (tmp_path / "mlruns" / ".gitignore").exists()


@pytest.mark.parametrize(
    "uri", ["~nobody-of-that-name/x", "file://[bad", "a" * 300, "a\0b", "reprise:///a\0b"]
)
def test_what_cannot_be_a_store_is_told(tmp_path: Path, uri: str) -> None:
    with pytest.raises(TrackingError, match="cannot"), closing(open_tracking(uri, tmp_path)) as store:
        store.get_experiment("0")


@pytest.mark.mlflow
@pytest.mark.filterwarnings("ignore")  # MLflow's own; an error there spoils the process
@pytest.mark.parametrize("uri", ["mysql+cymysql://ada:hunter2@host/x", "sqlite:////proc/absent/x.db"])
def test_a_store_that_the_mlflow_library_cannot_open_is_told(tmp_path: Path, uri: str) -> None:
    with pytest.raises(TrackingError, match="cannot use this tracking URI") as refused:
        open_tracking(uri, tmp_path).get_experiment("0")
    assert "hunter2" not in refused.value.message


@pytest.mark.filterwarnings("ignore")  # MLflow's own; an error there spoils the process
@pytest.mark.mlflow
def test_a_model_beside_the_artifacts_of_its_run_is_not_in_them(tmp_path: Path) -> None:
    with mlflow_sqlite(tmp_path) as store:
        from mlflow import MlflowClient

        run = store.create_run(store.create_experiment("e"), start_time=1, user_id="u")
        client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
        client.create_registered_model("iris")
        for tail in ("/model", "-of-another/model"):
            client.create_model_version("iris", f"{run.artifact_uri}{tail}", run.run_id)
        assert store.model_location("iris", "1") == (run.run_id, "model")
        with pytest.raises(TrackingError, match="outside its run"):
            store.model_location("iris", "2")


@pytest.mark.parametrize(
    "uri",
    ["postgresql://u:secret@host/db", "mysql+pymysql://host/db", "http://host:5000", "s3://b/x", "a-b:c"],
)
def test_a_server_makes_no_folder_of_a_scheme_that_it_does_not_know(uri: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder") as refused:
        open_own_store(uri, tmp_path)
    assert refused.value.hint and "secret" not in f"{refused.value.message} {refused.value.hint}"
    assert not list(tmp_path.glob(f"{uri.partition(':')[0]}*"))
