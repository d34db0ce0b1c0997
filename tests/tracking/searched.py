"""The same runs, experiments and models on any server, and what a search finds among them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

API = "/api/2.0/mlflow/"
RUNS: Sequence[Mapping[str, Any]] = (
    {"metrics": {"acc": 0.5, "loss": 2.0}, "params": {"depth": "3", "name": "Alpha", "empty": ""}},
    {"metrics": {"acc": 0.9, "loss": 0.5}, "params": {"depth": "1", "name": "alpha", "max depth": "7"}},
    {"metrics": {"acc": "NaN", "val acc": 0.2}, "params": {"depth": "3", "name": "100%", "quote": "it's"}},
    {"metrics": {"acc": "Infinity", "val acc": 0.1}, "params": {"name": "*", "text": "a AND b"}},
    {"metrics": {"acc": "-Infinity", "val/acc": 0.3}, "params": {"depth": "20", "unicode": "żółć"}},
    {"metrics": {"acc": 0.0}, "params": {"depth": "depth", "a.b.c": "dots", "a-b": "dash"}},
    {"metrics": {"acc": 0.7, "loss": 0.5}, "params": {"depth": "3", "1a": "digit", "_a": "under"}},
    {"metrics": {}, "params": {}},
)
TAGS: Sequence[Mapping[str, str]] = (
    {"team": "vision", "kind": "x", "odd one": "x"},
    {"team": "nlp"},
    {"team": "Vision", "mlflow.source.name": "train.py"},
    {"team": ""},
)
NAMES = ("alpha", "beta", "Alphabet", "al pha")


@dataclass(frozen=True)
class Found:
    """How a search was answered: the names in order, or the error."""

    status: int
    names: tuple[str, ...] = ()
    error: str = ""


class Server:
    """A tracking server, which was filled."""

    def __init__(self, uri: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=uri, headers=headers, timeout=60)
        self.experiment = self._call("experiments/create", name="searched")["experiment_id"]
        self.names: dict[str, str] = {}
        self._runs()
        self._experiments()
        self._models()

    def close(self) -> None:
        self._client.close()

    def search(self, kind: str, filter: str, order_by: Sequence[Any] = (), size: int = 50) -> Found:
        """``kind`` is runs, experiments, registered-models, model-versions or logged-models."""
        body: dict[str, Any] = {"filter": filter, "order_by": list(order_by), "max_results": size}
        if kind in {"runs", "logged-models"}:
            body["experiment_ids"] = [self.experiment]
        if kind in {"runs", "experiments", "logged-models"}:
            response = self._client.post(f"{API}{kind}/search", json=body)
        else:
            response = self._client.get(f"{API}{kind}/search", params=body)
        if response.status_code != 200:
            is_json = "json" in response.headers.get("content-type", "")
            return Found(response.status_code, error=response.json()["error_code"] if is_json else "")
        answer = response.json()
        (items,) = [answer[key] for key in answer if key != "next_page_token"] or [[]]
        names = [self._name(item) for item in items]
        return Found(200, tuple(name for name in names if name))

    def _name(self, item: Mapping[str, Any]) -> str:
        info = item.get("info", item)
        if "model_id" in info:
            return self.names[info["model_id"]]
        if "version" in info:
            return f"{info['name']} {info['version']}"
        name: str = info["run_name"] if "run_name" in info else info["name"]
        return name if "run_name" in info or name in NAMES else ""

    def _call(self, path: str, **body: Any) -> Any:
        time.sleep(0.002)  # what is made in one millisecond has no order by the time it was made
        response = self._client.post(f"{API}{path}", json=body)
        assert response.status_code == 200, (path, response.text)
        return response.json()

    def _runs(self) -> None:
        for number, data in enumerate(RUNS):
            tags = {**TAGS[number % len(TAGS)]} if number < 6 else {}
            run = self._call(
                "runs/create",
                experiment_id=self.experiment,
                user_id="ada" if number % 2 else "bob",
                run_name=f"r{number}",
                start_time=1000 + number,
                tags=_pairs(tags),
            )
            run_id = run["run"]["info"]["run_id"]
            metrics = [
                {"key": key, "value": value, "timestamp": 1, "step": 0}
                for key, value in data["metrics"].items()
            ]
            self._call("runs/log-batch", run_id=run_id, metrics=metrics, params=_pairs(data["params"]))
            if number % 3 == 0:
                status = "FAILED" if number else "FINISHED"
                self._call("runs/update", run_id=run_id, status=status, end_time=4000 - number)
            if number in {1, 4, 5}:
                dataset = {"name": "iris" if number < 5 else "mnist", "digest": f"d{number}"}
                context = [{"key": "mlflow.data.context", "value": "train" if number == 1 else "test"}]
                dataset |= {"source_type": "local", "source": "{}"}
                self._call(
                    "runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset, "tags": context}]
                )

    def _experiments(self) -> None:
        for name, tags in zip(NAMES, TAGS, strict=True):
            self._call("experiments/create", name=name, tags=_pairs(tags))

    def _models(self) -> None:
        for number, (name, tags) in enumerate(zip(NAMES, TAGS, strict=True)):
            self._call("registered-models/create", name=name, tags=_pairs(tags))
            for version in range(2 - number % 2):
                self._call(
                    "model-versions/create",
                    name=name,
                    source=f"s3://bucket/{'ab'[version]}",
                    tags=_pairs(tags),
                )
            answer = self._call(
                "logged-models",
                experiment_id=self.experiment,
                name=name.replace(" ", "-"),
                model_type="agent" if number else "",
                tags=_pairs(tags),
                params=_pairs({"depth": str(number)}),
            )
            model = answer["model"]["info"]
            self.names[model["model_id"]] = name
            if number < 2:
                body = {"model_id": model["model_id"], "status": "LOGGED_MODEL_READY"}
                self._client.patch(f"{API}logged-models/{model['model_id']}", json=body).raise_for_status()


def _pairs(mapping: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in mapping.items()]
