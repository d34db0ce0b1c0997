"""A long talk with a tracking server over plain HTTP, to be held with MLflow's and with ours.

Each ``Step`` is one request; ``{name}`` in its path or body is what an earlier step kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

VOLATILE = {
    *("experiment_id", "run_id", "run_uuid", "run_name", "model_id", "artifact_uri", "root_uri"),
    *("artifact_location", "creation_time", "last_update_time", "creation_timestamp", "source"),
    *("last_updated_timestamp", "creation_timestamp_ms", "last_updated_timestamp_ms", "message"),
    *("next_page_token", "source_run_id", "request_id", "assessment_id", "overrides"),
    *("mlflow.artifactLocation",),
}

UNORDERED = {"tags", "params", "metrics", "latest_versions", "request_metadata"}
NEWER = {"sqlstate", "error_class", "workspace", "mlflow.trace.infoFinalized"}
"""Fields that the newest MLflow adds to its answers, and older clients know nothing of."""
NAMED_ANEW = {"mlflow.runName", "mlflow.modelVersions", "mlflow.artifactLocation"}


@dataclass(frozen=True)
class Step:
    what: str
    method: str
    path: str
    body: Any = None
    keep: Mapping[str, Sequence[str | int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any


def hold(uri: str, steps: Sequence[Step], token: str | None = None) -> dict[str, Reply]:
    """The normalised reply to each step, by what the step is."""
    memory: dict[str, str] = {}
    replies: dict[str, Reply] = {}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=uri, headers=headers, timeout=60) as client:
        for step in steps:
            path = filled(step.path, memory)
            prefix = "" if path.startswith("/") else "/api/2.0/mlflow/"
            response = client.request(step.method, f"{prefix}{path}", **_content(step, memory))
            body = _json(response)
            assert step.what not in replies, step.what
            replies[step.what] = Reply(response.status_code, normalised(body))
            for name, way in step.keep.items():
                memory[name] = str(_follow(body, way, step, response))
    return replies


def _content(step: Step, memory: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(step.body, bytes):
        return {"content": step.body, "headers": {"Content-Type": "application/json"}}
    if step.body is None:
        return {}
    return {"json": filled(step.body, memory)}


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


def _follow(body: Any, way: Sequence[str | int], step: Step, response: httpx.Response) -> Any:
    for key in way:
        try:
            body = body[key]
        except (KeyError, IndexError, TypeError):
            raise AssertionError(f"{step.what}: {response.status_code} {response.text}") from None
    return body


def filled(value: Any, memory: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, kept in memory.items():
            value = value.replace("{" + name + "}", kept)
        return value
    if isinstance(value, dict):
        return {key: filled(item, memory) for key, item in value.items()}
    return [filled(item, memory) for item in value] if isinstance(value, list) else value


def normalised(value: Any, key: str = "") -> Any:
    """The same shape, with what differs from run to run replaced by its type; pairs in order."""
    if key in VOLATILE:
        return type(value).__name__
    if isinstance(value, dict):
        if value.get("key") in NAMED_ANEW:
            return {"key": value["key"], "value": "..."}
        return {name: normalised(item, name) for name, item in value.items() if name not in NEWER}
    if isinstance(value, list):
        items = [
            normalised(item) for item in value if not (isinstance(item, dict) and item.get("key") in NEWER)
        ]
        return sorted(items, key=json.dumps) if key in UNORDERED else items
    return value
