"""What a tracking store holds and a copy leaves out, named one by one."""

from __future__ import annotations

from collections.abc import Iterator

from reprise.errors import TrackingError
from reprise.tracking.base import Tracking
from reprise.tracking.protocols.copying import Fault, Note
from reprise.tracking.protocols.store import TrackingStore
from reprise.tracking.protocols.subjects import Subject
from reprise.tracking.rest.connection import RestConnection, page_query
from reprise.tracking.rest.fields import Json, next_page_token, parts
from reprise.tracking.search.paging import pages

SECRET = "a copy does not read its secret; create it again with MLflow's client"
_DATASET = "a copy does not carry evaluation datasets"
_AT_ONCE = 100
_UNKNOWN = {"ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED", "RESOURCE_DOES_NOT_EXIST", "FEATURE_DISABLED"}


def find_tracked_others(tracking: Tracking) -> Iterator[Fault | Note]:
    """The webhooks and evaluation datasets of a store of ours or of a server."""
    from reprise.tracking.rest.store import RestTracking

    if (store := tracking.own_store) is not None:
        yield from _find_in_store(store)
    elif isinstance(tracking, RestTracking):
        yield from _ask_server(tracking.connection)


def webhook_fault(name: str, url: str) -> Fault:
    return Fault("webhooks", f"webhook {name!r}", "", f"it calls {url}; {SECRET}")


def _dataset_fault(name: str) -> Fault:
    return Fault("evaluation datasets", f"evaluation dataset {name!r}", "", _DATASET)


def _find_in_store(store: TrackingStore) -> Iterator[Fault]:
    if Subject.WEBHOOKS not in store.leaves_out:
        yield from (webhook_fault(webhook.name, webhook.url) for webhook in store.all_webhooks())
    if Subject.EVALUATION not in store.leaves_out:
        datasets = pages(lambda token: store.search_evaluation_datasets(page_token=token))
        yield from (_dataset_fault(dataset.name) for dataset in datasets)


def _ask_server(connection: RestConnection) -> Iterator[Fault | Note]:
    """An older server has neither; one that does not answer leaves it unknown."""
    try:
        for webhook in connection.items("webhooks", {}, "webhooks"):
            yield webhook_fault(str(webhook.get("name")), str(webhook.get("url")))
    except TrackingError as error:
        if error.code not in _UNKNOWN:
            yield Note(f"whether {connection.uri} has webhooks is not known: {error.message}")
    try:
        for dataset in _search_datasets(connection):
            yield _dataset_fault(str(dataset.get("name")))
    except TrackingError as error:
        if error.code not in _UNKNOWN:
            yield Note(f"whether {connection.uri} has evaluation datasets is not known: {error.message}")


def _search_datasets(connection: RestConnection) -> Iterator[Json]:
    token: str | None = None
    while True:
        body = {"max_results": _AT_ONCE, **page_query(token)}
        answer = connection.call("POST", "datasets/search", json=body, api="3.0")
        yield from parts(answer, "datasets")
        following = next_page_token(answer)
        if following is None or following == token:
            return
        token = following
