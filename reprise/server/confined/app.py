"""The ASGI app of a confined run: which requests reach the store, and what is answered to the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reprise.errors import RepriseError
from reprise.server.api.spans import LARGEST, RUN, exported, read_spans
from reprise.server.api.wire import encode
from reprise.server.app import create_app, error_response
from reprise.server.confined.ledger import Ledger, describe_change
from reprise.server.confined.messages import ask, read_fields
from reprise.server.confined.registry import RegistryCopy
from reprise.server.http.access import Everyone, Role
from reprise.server.http.bodies import collect_body
from reprise.server.routes import ROLES
from reprise.tracking.base import Tracking

_VERB = re.compile(r"/(?:ajax-)?api/[^/]+/(?:preview/)?mlflow/(?P<verb>.+)", re.DOTALL)
_FILES = re.compile(r"/(?:ajax-)?api/[^/]+/mlflow-artifacts/(?P<kind>[^/]+)/(?P<path>.*)", re.DOTALL)
_REGISTRY = ("registered-models/", "model-versions/")
_SPANS = "/v1/traces"


class ConfinedApp:
    """A facade of ``upstream``, which serves ``tracking``.

    ``open_registry`` creates the private copy of the registry; it is called at the first request for it.
    """

    def __init__(
        self,
        upstream: ASGIApp,
        tracking: Tracking,
        ledger: Ledger,
        open_registry: Callable[[], RegistryCopy],
    ) -> None:
        self._upstream = upstream
        self._tracking = tracking
        self._ledger = ledger
        self._open_registry = open_registry

    @cached_property
    def _registry(self) -> tuple[RegistryCopy, ASGIApp]:
        copy = self._open_registry()
        return copy, create_app(copy.store, Everyone(), hosts=None)

    def close(self) -> None:
        if "_registry" in self.__dict__:
            self._registry[0].close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._upstream(scope, receive, send)
            return
        try:
            await self._answer(scope, receive, send)
        except RepriseError as error:
            await error_response(error)(scope, receive, send)
        except ClientDisconnect:
            return  # there is no client to answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        found = _VERB.fullmatch(path)
        verb = found["verb"].strip("/") if found else ""
        if verb.startswith(_REGISTRY):
            await self._ask_registry(verb, scope, await collect_body(Request(scope, receive)), send)
        elif verb == "experiments/get-by-name" and self._is_virtual(scope):
            await self._upstream(self._of_own_experiment(scope), receive, send)
        elif ROLES.of(method, path) is Role.READ:
            await self._upstream(scope, receive, send)
        elif path == _SPANS:
            await self._take_spans(scope, await collect_body(Request(scope, receive), LARGEST), send)
        elif verb:
            await self._change(verb, scope, await collect_body(Request(scope, receive)), send)
        else:
            await self._change_files(scope, receive, send)

    async def _change(self, verb: str, scope: Scope, body: bytes, send: Send) -> None:
        """A change of a run, an experiment, a logged model or a trace."""
        fields = {**dict(_query(scope)), **read_fields(body)}
        if verb == "experiments/create" and await self._is_missing(str(fields.get("name", ""))):
            self._ledger.add_experiment(str(fields["name"]))
            await _send_json({"experiment_id": self._ledger.experiment_id}, scope, send)
        elif self._may_change(verb, scope["method"], fields) and not await self._would_change_trace(
            scope, _made_ids(verb, fields)
        ):
            reply = await ask(self._upstream, scope, body)
            self._ledger.add_own(_made_ids(verb, {**fields, **reply.fields}))
            await reply.send(send)
        else:
            await self._withhold(verb, fields, scope, send)

    def _may_change(self, verb: str, method: str, fields: dict[str, Any]) -> bool:
        """Whether the request makes a thing of the run's own, changes one, or will be refused anyway."""
        if method == "POST" and verb in ("runs/create", "traces", "experiments/create"):
            return True
        maker = fields.get("source_run_id")
        if method == "POST" and verb == "logged-models":
            return not maker or self._ledger.owns_any([str(maker)])
        subject = (*verb.split("/"), str(fields.get("run_id", "")), str(fields.get("run_uuid", "")))
        if verb == "traces/link-prompts":
            subject = (str(fields.get("trace_id", "")),)
        return self._ledger.owns_any(subject)

    async def _take_spans(self, scope: Scope, body: bytes, send: Send) -> None:
        """Traces that are new are the run's own; those of others get no more spans."""
        headers = Headers(scope=scope)
        sent = await to_thread.run_sync(read_spans, headers, body)
        traces = {f"tr-{span.trace_id.hex()}" for span in sent}
        run_id = headers.get(RUN, "")
        if run_id and not self._ledger.owns_any([run_id]):
            self._ledger.withhold(f"traces of run {run_id[:8]} were not kept")
        elif await self._would_change_trace(scope, traces):
            self._ledger.withhold("spans of a trace that was there before were not kept")
        else:
            reply = await ask(self._upstream, scope, body)
            self._ledger.add_own(traces if reply.status < 300 else ())
            await reply.send(send)
            return
        await exported(headers)(scope, _receive_nothing, send)

    async def _would_change_trace(self, scope: Scope, ids: Iterable[str]) -> bool:
        """Whether one of these is a trace that is there and that the run did not make."""
        for trace_id in ids:
            if not self._ledger.owns_any([trace_id]):
                question = _question(scope, f"/api/3.0/mlflow/traces/{quote(trace_id, safe='')}")
                if (await ask(self._upstream, question, b"")).status < 300:
                    return True
        return False

    async def _change_files(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file is the run's own when its path names the run, or a model or a trace that it made."""
        found = _FILES.fullmatch(scope["path"])
        if found and found["kind"] == "mpu" and scope["method"] == "POST":
            body = await collect_body(Request(scope, receive))
            names = f"{found['path']}/{read_fields(body).get('path', '')}"
            if self._ledger.owns_any(names.split("/")):
                await (await ask(self._upstream, scope, body)).send(send)
                return
        elif found and (found["kind"] == "mpu" or self._ledger.owns_any(found["path"].split("/"))):
            await self._upstream(scope, receive, send)  # a part belongs to an upload that was let through
            return
        await self._withhold(scope["path"].strip("/"), {}, scope, send)

    async def _withhold(self, verb: str, fields: dict[str, Any], scope: Scope, send: Send) -> None:
        self._ledger.withhold(describe_change(scope["method"], verb, fields))
        await _send_json({}, scope, send)

    async def _is_missing(self, name: str) -> bool:
        found = await to_thread.run_sync(self._tracking.get_experiment_by_name, name) if name else True
        return found is None

    def _is_virtual(self, scope: Scope) -> bool:
        return self._ledger.has_experiment(dict(_query(scope)).get("experiment_name", ""))

    def _of_own_experiment(self, scope: Scope) -> Scope:
        """The request for an experiment that was not created, as one for that of the run."""
        path = scope["path"].removesuffix("-by-name")
        query = urlencode({"experiment_id": self._ledger.experiment_id}).encode()
        return {**scope, "path": path, "raw_path": path.encode(), "query_string": query}

    async def _ask_registry(self, verb: str, scope: Scope, body: bytes, send: Send) -> None:
        registry, app = await to_thread.run_sync(lambda: self._registry)
        fields = {**dict(_query(scope)), **read_fields(body)}
        name, version = str(fields.get("name", "")), str(fields.get("version", ""))
        if verb == "model-versions/get-download-uri":
            if (place := await to_thread.run_sync(registry.find_location, name, version)) is None:
                await (await ask(self._upstream, scope, body)).send(send)
            else:
                await _send_json({"artifact_uri": place}, scope, send)
            return
        if verb == "model-versions/create":
            for model_id in _named_models(fields):
                await to_thread.run_sync(registry.bring_model, model_id)
        reply = await ask(app, _without_credentials(scope), body)
        if ROLES.of(scope["method"], scope["path"]) is not Role.READ and reply.status < 300:
            self._ledger.withhold(describe_change(scope["method"], verb, fields))
        if verb == "model-versions/create" and (made := reply.fields.get("model_version")):
            registry.note_version(str(made["name"]), str(made["version"]))
        await reply.send(send)


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _question(scope: Scope, path: str) -> Scope:
    """A GET by the sender of the request ``scope``."""
    headers = [(name, value) for name, value in scope["headers"] if name in (b"authorization", b"host")]
    asked = {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    return {**scope, **asked, "headers": headers}


def _without_credentials(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": headers, "state": {}}


def _named_models(fields: dict[str, Any]) -> Iterator[str]:
    """The ids of logged models that a version is to be made of."""
    model_id, source = fields.get("model_id"), str(fields.get("source") or "")
    if model_id:
        yield str(model_id)
    name, _, version = source.removeprefix("models:/").strip("/").partition("/")
    if source.startswith("models:/") and not version and name != model_id:
        yield name


def _made_ids(verb: str, fields: dict[str, Any]) -> Iterator[str]:
    """The ids of what a request has made, as the request or its answer says."""
    match verb.split("/")[0], fields:
        case "runs", {"run": {"info": {"run_id": str(run_id)}}} if verb == "runs/create":
            yield run_id
        case "logged-models", {"model": {"info": {"model_id": str(model_id)}}}:
            yield model_id
        case "traces", _:
            infos = [fields.get("trace_info"), (fields.get("trace") or {}).get("trace_info")]
            for info in filter(None, infos):
                yield from (str(info[name]) for name in ("request_id", "trace_id") if info.get(name))


async def _send_json(answer: dict[str, Any], scope: Scope, send: Send) -> None:
    await Response(encode(answer), media_type="application/json")(scope, _receive_nothing, send)


async def _receive_nothing() -> Any:
    return {"type": "http.disconnect"}
