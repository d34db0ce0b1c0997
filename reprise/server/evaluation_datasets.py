"""The REST verbs of evaluation datasets. MLflow's clients send tags and records as JSON in a text."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec

from reprise.schemas.entities import EvaluationDataset, EvaluationRecord
from reprise.server.api import shapes
from reprise.server.api.wire import (
    Answer,
    Request,
    Verb,
    Word,
    invalid,
)
from reprise.server.http.access import Role
from reprise.tracking.protocols.store import TrackingStore

V3 = ("3.0",)


class CreateEvaluationDataset(Request):
    name: Word
    experiment_ids: tuple[str, ...] = ()
    tags: str = ""


class EvaluationDatasetRequest(Request):
    dataset_id: Word


class SearchEvaluationDatasets(Request):
    experiment_ids: tuple[str, ...] = ()
    filter_string: str = ""
    max_results: Annotated[int, msgspec.Meta(ge=1)] = 1000
    order_by: tuple[str, ...] = ()
    page_token: str | None = None


class SetEvaluationDatasetTags(EvaluationDatasetRequest):
    tags: Word


class DeleteEvaluationDatasetTag(EvaluationDatasetRequest):
    key: Word


class PutEvaluationRecords(EvaluationDatasetRequest):
    records: Word


class GetEvaluationRecords(EvaluationDatasetRequest):
    max_results: Annotated[int, msgspec.Meta(ge=1)] = 1000
    page_token: str | None = None


class DeleteEvaluationRecords(EvaluationDatasetRequest):
    dataset_record_ids: tuple[str, ...] = ()


class LinkEvaluationDataset(EvaluationDatasetRequest):
    experiment_ids: tuple[str, ...] = ()


def create(store: TrackingStore, request: CreateEvaluationDataset) -> Answer:
    tags = _texts(_object("tags", request.tags)) if request.tags else {}
    made = store.create_evaluation_dataset(
        request.name,
        experiment_ids=request.experiment_ids,
        tags={key: value for key, value in tags.items() if value is not None},
    )
    return {"dataset": dataset_shape(made)}


def get(store: TrackingStore, request: EvaluationDatasetRequest) -> Answer:
    return {"dataset": dataset_shape(store.get_evaluation_dataset(request.dataset_id))}


def delete(store: TrackingStore, request: EvaluationDatasetRequest) -> Answer:
    store.delete_evaluation_dataset(request.dataset_id)
    return {}


def search(store: TrackingStore, request: SearchEvaluationDatasets) -> Answer:
    found = store.search_evaluation_datasets(
        request.experiment_ids,
        filter=request.filter_string,
        order_by=request.order_by,
        max_results=request.max_results,
        page_token=request.page_token or None,
    )
    return shapes.page("datasets", found, dataset_shape)


def set_tags(store: TrackingStore, request: SetEvaluationDatasetTags) -> Answer:
    store.set_evaluation_dataset_tags(request.dataset_id, _texts(_object("tags", request.tags)))
    return {}


def delete_tag(store: TrackingStore, request: DeleteEvaluationDatasetTag) -> Answer:
    store.delete_evaluation_dataset_tag(request.dataset_id, request.key)
    return {}


def put_records(store: TrackingStore, request: PutEvaluationRecords) -> Answer:
    records = _json("records", request.records)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise invalid("Invalid value for parameter 'records' supplied: it is not a list of objects")
    inserted, updated = store.put_evaluation_records(request.dataset_id, records)
    return {"inserted_count": inserted, "updated_count": updated}


def get_records(store: TrackingStore, request: GetEvaluationRecords) -> Answer:
    found = store.evaluation_records(
        request.dataset_id, max_results=request.max_results, page_token=request.page_token or None
    )
    records = json.dumps([record_shape(record) for record in found.items])
    return {"records": records, **shapes.given(next_page_token=found.next_token)}


def delete_records(store: TrackingStore, request: DeleteEvaluationRecords) -> Answer:
    gone = store.delete_evaluation_records(request.dataset_id, request.dataset_record_ids)
    return {"deleted_count": gone}


def experiments(store: TrackingStore, request: EvaluationDatasetRequest) -> Answer:
    return shapes.given(experiment_ids=store.get_evaluation_dataset(request.dataset_id).experiment_ids)


def link(store: TrackingStore, request: LinkEvaluationDataset) -> Answer:
    dataset = store.link_evaluation_dataset(request.dataset_id, request.experiment_ids)
    return {"dataset": dataset_shape(dataset)}


def unlink(store: TrackingStore, request: LinkEvaluationDataset) -> Answer:
    dataset = store.unlink_evaluation_dataset(request.dataset_id, request.experiment_ids)
    return {"dataset": dataset_shape(dataset)}


def dataset_shape(dataset: EvaluationDataset) -> Answer:
    return {
        "dataset_id": dataset.dataset_id,
        "name": dataset.name,
        "tags": json.dumps(dataset.tags),
        **shapes.given(schema=dataset.schema, profile=dataset.profile),
        "digest": dataset.digest,
        "created_time": dataset.creation_time,
        "last_update_time": dataset.last_update_time,
        **shapes.given(
            created_by=dataset.created_by,
            last_updated_by=dataset.last_updated_by,
            experiment_ids=dataset.experiment_ids,
        ),
    }


def record_shape(record: EvaluationRecord) -> dict[str, Any]:
    source = json.loads(record.source) if record.source else None
    return {
        "dataset_record_id": record.record_id,
        "dataset_id": record.dataset_id,
        "inputs": json.loads(record.inputs),
        **({"outputs": json.loads(record.outputs)} if record.outputs else {}),
        **shapes.given(
            expectations=json.loads(record.expectations),
            tags=json.loads(record.tags),
            source=source,
            source_type=source.get("source_type") if isinstance(source, dict) else None,
            created_by=record.created_by,
            last_updated_by=record.last_updated_by,
        ),
        "created_time": record.creation_time,
        "last_update_time": record.last_update_time,
    }


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Invalid value for parameter '{name}' supplied: it is not JSON: {error}") from None


def _object(name: str, text: str) -> dict[str, Any]:
    value = _json(name, text)
    if not isinstance(value, dict):
        raise invalid(f"Invalid value for parameter '{name}' supplied: it is not an object")
    return value


def _texts(values: dict[str, Any]) -> dict[str, str | None]:
    return {key: None if value is None else str(value) for key, value in values.items()}


_ONE = "datasets/{dataset_id}"

VERBS = (
    Verb("POST", "datasets/create", Role.WRITE, CreateEvaluationDataset, create, V3),
    Verb("POST", "datasets/search", Role.READ, SearchEvaluationDatasets, search, V3),
    Verb("GET", "datasets/search", Role.READ, SearchEvaluationDatasets, search, V3),
    Verb("GET", _ONE, Role.READ, EvaluationDatasetRequest, get, V3),
    Verb("DELETE", _ONE, Role.ADMIN, EvaluationDatasetRequest, delete, V3),
    Verb("PATCH", f"{_ONE}/tags", Role.WRITE, SetEvaluationDatasetTags, set_tags, V3),
    Verb("DELETE", f"{_ONE}/tags/{{key}}", Role.WRITE, DeleteEvaluationDatasetTag, delete_tag, V3),
    Verb("POST", f"{_ONE}/records", Role.WRITE, PutEvaluationRecords, put_records, V3),
    Verb("GET", f"{_ONE}/records", Role.READ, GetEvaluationRecords, get_records, V3),
    Verb("DELETE", f"{_ONE}/records", Role.ADMIN, DeleteEvaluationRecords, delete_records, V3),
    Verb("GET", f"{_ONE}/experiment-ids", Role.READ, EvaluationDatasetRequest, experiments, V3),
    Verb("POST", f"{_ONE}/add-experiments", Role.WRITE, LinkEvaluationDataset, link, V3),
    Verb("POST", f"{_ONE}/remove-experiments", Role.WRITE, LinkEvaluationDataset, unlink, V3),
)
