"""What webhooks report: events of the model registry, and of prompts, which are models underneath."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.server.api import model_versions, registered_models
from reprise.server.api.wire import Answer, Request, as_mapping
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.search.vocabulary import IS_PROMPT

_TEXT = "mlflow.prompt.text"
_INNER = {IS_PROMPT, "_mlflow_prompt_type", _TEXT}

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "registered_model": ("created",),
    "model_version": ("created",),
    "model_version_tag": ("set", "deleted"),
    "model_version_alias": ("created", "deleted"),
    "prompt": ("created",),
    "prompt_version": ("created",),
    "prompt_tag": ("set", "deleted"),
    "prompt_version_tag": ("set", "deleted"),
    "prompt_alias": ("created", "deleted"),
}
"""What can happen to each entity."""


class Event(NamedTuple):
    """``name`` is ``entity.action``; ``data`` is what MLflow's webhooks are sent."""

    name: str
    data: Mapping[str, Any]


def may_tell(message: Request) -> bool:
    """Whether a request can be an event at all."""
    return isinstance(message, _KINDS)


def event_of(store: TrackingStore, message: Request, answer: Answer) -> Event | None:
    """Return the event of a request, or None. ``RESOURCE_DOES_NOT_EXIST``: its model was removed."""
    match message:
        case registered_models.CreateRegisteredModel():
            return _model_created(message)
        case model_versions.CreateModelVersion():
            return _version_created(message, answer)
    name = str(getattr(message, "name", ""))
    is_prompt = store.get_registered_model(name).tags.get(IS_PROMPT, "").lower() == "true"
    of_version = "prompt_version_tag" if is_prompt else "model_version_tag"
    alias = "prompt_alias" if is_prompt else "model_version_alias"
    match message:
        case model_versions.SetModelVersionTag(version=version, key=key, value=value):
            return Event(
                f"{of_version}.set", {"name": name, "version": version, "key": key, "value": value}
            )
        case model_versions.DeleteModelVersionTag(version=version, key=key):
            return Event(f"{of_version}.deleted", {"name": name, "version": version, "key": key})
        case registered_models.SetRegisteredModelAlias(alias=word, version=version):
            return Event(f"{alias}.created", {"name": name, "alias": word, "version": version})
        case registered_models.DeleteRegisteredModelAlias(alias=word):
            return Event(f"{alias}.deleted", {"name": name, "alias": word})
        case registered_models.SetRegisteredModelTag(key=key, value=value) if is_prompt:
            return Event("prompt_tag.set", {"name": name, "key": key, "value": value})
        case registered_models.DeleteRegisteredModelTag(key=key) if is_prompt:
            return Event("prompt_tag.deleted", {"name": name, "key": key})
    return None


def example_of(event: str) -> Mapping[str, Any]:
    """The data of an event that did not happen, for a test."""
    entity, _, action = event.partition(".")
    name = "example_prompt" if entity.startswith("prompt") else "example_model"
    data: dict[str, Any] = {"name": name}
    if entity in ("model_version", "prompt_version", "model_version_tag", "prompt_version_tag"):
        data["version"] = "1"
    if entity.endswith("_alias"):
        data["alias"] = "example_alias"
        return {**data, "version": "1"} if action == "created" else data
    if entity.endswith("_tag"):
        data["key"] = "example_key"
        return {**data, "value": "example_value"} if action == "set" else data
    if entity == "model_version":
        data |= {"source": "models:/123", "run_id": "abcd1234abcd5678"}
    if entity == "prompt_version":
        data["template"] = "Hello {{name}}!"
    said = entity.replace("_", " ")
    return {**data, "tags": {"example_key": "example_value"}, "description": f"An example {said}"}


def _model_created(message: registered_models.CreateRegisteredModel) -> Event:
    tags = as_mapping(message.tags)
    is_prompt = tags.get(IS_PROMPT, "").lower() == "true"
    if is_prompt:
        tags = {key: value for key, value in tags.items() if key not in _INNER}
    data = {"name": message.name, "tags": tags, "description": message.description or ""}
    return Event("prompt.created" if is_prompt else "registered_model.created", data)


def _version_created(message: model_versions.CreateModelVersion, answer: Any) -> Event:
    tags, made = as_mapping(message.tags), answer["model_version"]
    data: dict[str, Any] = {"name": message.name, "version": str(made["version"])}
    if tags.get(IS_PROMPT, "").lower() == "true":
        kind = "prompt_version.created"
        data["template"] = tags.get(_TEXT)
        tags = {key: value for key, value in tags.items() if key not in _INNER}
    else:
        kind = "model_version.created"
        data |= {"source": message.source, "run_id": made.get("run_id") or None}
    return Event(kind, {**data, "tags": tags, "description": message.description or None})


_KINDS = (
    registered_models.CreateRegisteredModel,
    registered_models.SetRegisteredModelTag,
    registered_models.DeleteRegisteredModelTag,
    registered_models.SetRegisteredModelAlias,
    registered_models.DeleteRegisteredModelAlias,
    model_versions.CreateModelVersion,
    model_versions.SetModelVersionTag,
    model_versions.DeleteModelVersionTag,
)
