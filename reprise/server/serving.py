"""Serving the app with uvicorn: for the child of a run, and for ``reprise server``."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Literal, TextIO, cast

import uvicorn
from starlette.types import ASGIApp

from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.server.app import Pages, create_app
from reprise.server.http.access import Access, Everyone
from reprise.server.http.foreign import Origins
from reprise.server.http.hosts import Hosts
from reprise.server.http.prefix import Prefix, Prefixed
from reprise.server.http.roles import RoleRoute
from reprise.server.http.room import ACCEPTED_AT_ONCE, make_room
from reprise.server.sockets import BACKLOG, bind_socket
from reprise.tracking.protocols.store import TrackingStore

logger = logging.getLogger(__name__)

PATIENCE = 4.0
"""Seconds that requests in flight may take after the server was asked to stop."""


class Serving(NamedTuple):
    """How ``reprise server`` serves.

    ``hosts``: names by which it may be called; None: any. ``origins``: foreign web pages that may ask.
    ``access_log``: a file for one JSON line per request. ``largest_body``: bytes of one request, None
    for any size. ``pages``: what is shown to people. ``prefix``: the path below which it is. ``more``:
    routes of rooms above this one.
    """

    host: str = "127.0.0.1"
    port: int = 0
    access: Access = Everyone()
    hosts: Hosts | None = Hosts.of(())
    access_log: Path | None = None
    largest_body: int | None = None
    pages: Pages | None = None
    origins: Origins = Origins()
    prefix: Prefix = Prefix()
    more: Sequence[RoleRoute] = ()


def serve(store: TrackingStore, how: Serving, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM (``reprise server``); ``ready`` is called with the URL when it listens.

    Raises:
        UsageError: the address cannot be listened on, or the access log cannot be written.
        TrackingError: the store cannot be opened.
    """
    store.get_experiment("0")  # fail now if the store cannot be opened, and not at the first request
    app = create_app(
        store, how.access, hosts=how.hosts, origins=how.origins, pages=how.pages, more=how.more
    )
    with place(how) as here:
        serve_app(app, how, here, store.uri, ready, give_up=store.stop_waiting)


class ServingAddress(NamedTuple):
    """A bound address that does not accept connections yet, and the access log, open for writing."""

    address: socket.socket
    log: TextIO | None

    @property
    def port(self) -> int:
        port: int = self.address.getsockname()[1]
        return port


@contextmanager
def place(how: Serving) -> Iterator[ServingAddress]:
    """Bind the address in ``how``, so that an error is reported before a long preparation.

    Raises:
        UsageError: the address cannot be listened on, or the access log cannot be written.
    """
    try:
        log = nullcontext() if how.access_log is None else how.access_log.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--access-log: cannot write {how.access_log}: {error.strerror}") from error
    with log as lines:
        try:
            address = bind_socket(how.host, how.port)
        except OSError as error:
            raise _taken(how, error) from error
        with address:
            yield ServingAddress(address, lines)


def _taken(how: Serving, error: OSError) -> UsageError:
    hint = "is another server there? -p names another port"
    return UsageError(f"cannot listen on {how.host}:{how.port}: {error.strerror}", hint=hint)


def serve_app(
    app: ASGIApp,
    how: Serving,
    here: ServingAddress,
    what: str,
    ready: Callable[[str], None] | None = None,
    *,
    patience: float | None = None,
    give_up: Callable[[], None] = lambda: None,
) -> None:
    """Like :func:`serve`, for any app: logs ``what`` it serves; requests have ``patience`` seconds to end.

    Those that still wait for something then are freed by ``give_up``.

    Raises:
        UsageError: the address is in use.
    """
    from reprise.server.http.observing import Observed
    from reprise.server.http.timeouts import Bodies, PromptHeads
    from reprise.server.stopping import Silent, TidyServer

    try:
        here.address.listen(BACKLOG)
    except OSError as error:
        raise _taken(how, error) from error
    shown = f"[{how.host}]" if ":" in how.host else how.host
    url = f"http://{shown}:{here.port}{how.prefix.url}"
    logger.info("Serving %s at %s", what, url)
    if ready:
        ready(url)
    observed = Observed(Bodies(app, how.largest_body), here.log)
    below = Prefixed(observed, how.prefix) if how.prefix.path else observed
    http = partial(PromptHeads, room=make_room())
    config = _config(Silent(below), timeout_keep_alive=75, http=http)
    server = TidyServer(config, how.pages, PATIENCE if patience is None else patience, give_up)
    server.run(sockets=[here.address])


def serve_until(
    stop: socket.socket, app: ASGIApp, listening: socket.socket, at_end: Callable[[], Awaitable[None]]
) -> None:
    """Serve ``app`` on the socket ``listening`` until ``stop`` becomes readable; closes ``listening``."""
    from reprise.server.stopping import PromptServer, Silent

    # A script that trains for minutes between two calls finds its connection as it left it.
    config = _config(Silent(app), timeout_keep_alive=24 * 3600)
    PromptServer(config, stop, PATIENCE, at_end).run(sockets=[listening])


def _config(
    app: ASGIApp,
    *,
    timeout_keep_alive: int,
    http: Callable[..., asyncio.Protocol] | Literal["auto"] = "auto",
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", http),  # it is called, and no more
        backlog=ACCEPTED_AT_ONCE,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=timeout_keep_alive,
    )
