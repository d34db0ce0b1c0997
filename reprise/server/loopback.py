"""The REST facade of one run, for its child only: bound at once, served when it is called.

The listening socket exists before the child starts, so that no call can come too early. A thread
waits for the first connection, and only then imports the HTTP stack: a child that never logs costs
nothing. The child proves itself by a random token, which also names its run.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reprise.server.sockets import listen

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from reprise.tracking.base import Tracking

logger = logging.getLogger(__name__)

PRINTS_NO_URL = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"


class Facade(ABC):
    """A running facade; ``uri`` and ``environ`` are what its child needs to know."""

    def __init__(self, run_id: str, host: str = "127.0.0.1") -> None:
        self._run_id = run_id
        self._secret = os.urandom(16).hex()
        self._token = f"{self._secret}.{run_id}"
        self._listening = listen(host)
        self.uri = f"http://{host}:{self._listening.getsockname()[1]}"
        self._stop, self._stopped = socket.socketpair()
        self._closed = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="reprise-loopback", daemon=True)

    def serve(self) -> Self:
        """Begin to answer, on a thread of its own."""
        self._thread.start()
        return self

    @abstractmethod
    def _make_app(self) -> ASGIApp:
        """What is served to a bearer of the secret; called at the first connection."""

    async def _release(self) -> None:
        """Release the resources of the app; called after the last request."""
        return

    @property
    def environ(self) -> dict[str, str]:
        """What any MLflow client reads to find us, whatever else the user has set."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_TOKEN": self._token,
            PRINTS_NO_URL: "true",  # our address has no pages, and ends with us
            **_instead_of_user_name(self._token),
            **_around_proxies(),
        }

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select()}
        if self._stopped in ready:
            return
        try:
            from reprise.server.serving import serve_until

            serve_until(self._stopped, self._make_app(), self._listening, self._release)
        except Exception:
            logger.exception("The tracking facade of the run broke down")
        finally:
            self._listening.close()  # or else the child would wait for an answer for ever

    def close(self) -> None:
        """Answer the requests in flight, then stop; a second call does nothing."""
        if not self._closed.acquire(blocking=False):
            return
        self._stop.close()
        self._thread.join()
        self._stopped.close()
        self._listening.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Loopback(Facade):
    """Return the facade of an embedded store."""

    def __init__(
        self, store: Tracking, run_id: str, host: str = "127.0.0.1", *, may_remove: bool = True
    ) -> None:
        super().__init__(run_id, host)
        self._store = store
        self._may_remove = may_remove
        self.aliases: dict[str, str] = {}
        """The versions that the child got for aliases of models, by their address (``models:/m@best``)."""

    @classmethod
    def start(
        cls, store: Tracking, run_id: str, host: str = "127.0.0.1", *, may_remove: bool = True
    ) -> Self:
        """Serve it; only a child that ``may_remove`` can delete for good."""
        return cls(store, run_id, host, may_remove=may_remove).serve()

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, **name_store(self._store)}

    def _make_app(self) -> ASGIApp:
        from reprise.server.app import create_app
        from reprise.server.http.access import OneSecret, Role

        # The secret is proof enough, under whatever name a container knows this machine.
        access = OneSecret(self._secret, Role.ADMIN if self._may_remove else Role.WRITE)
        whole = self._store.own_store
        assert whole is not None, "a server takes calls itself"
        return create_app(whole, access, hosts=None, aliases=self.aliases)


def name_store(store: Tracking) -> dict[str, str]:
    """Where a run inside this one takes its lease."""
    return {} if store.home is None else {"REPRISE_STORE": str(store.home)}


def _instead_of_user_name(token: str) -> dict[str, str]:
    """A user name in the user's settings is for another server, and wins over any token."""
    settings = Path(os.path.expanduser("~"), ".mlflow", "credentials")  # noqa: PTH111 -- without a home: "~"
    if "MLFLOW_TRACKING_USERNAME" not in os.environ and not settings.exists():
        return {}
    return {"MLFLOW_TRACKING_USERNAME": "reprise", "MLFLOW_TRACKING_PASSWORD": token}


def _around_proxies() -> dict[str, str]:
    """With an HTTP proxy in the environment, clients would ask it for our loopback address."""
    if not any(name.lower() in ("http_proxy", "all_proxy") for name in os.environ):
        return {}
    names = {}
    for name in ("no_proxy", "NO_PROXY"):
        present = os.environ.get(name) or os.environ.get(name.swapcase(), "")
        names[name] = ",".join(filter(None, (present, "127.0.0.1")))
    return names
