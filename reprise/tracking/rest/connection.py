"""One HTTP connection to an MLflow server: credentials, patience, and errors in MLflow's words."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from reprise import units
from reprise.errors import TrackingError
from reprise.redact import redact
from reprise.tracking.rest.fields import (
    NOT_MLFLOW,
    Json,
    ServerAnswer,
    next_page_token,
    parts,
    read_answer,
    read_error,
)
from reprise.tracking.rest.retries import Patience, Send, asked_pause

if TYPE_CHECKING:
    import ssl

    import httpx

logger = logging.getLogger(__name__)

_CODE_OF_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}
_LARGEST_ANSWER = 256_000_000  # bytes; a page of runs or points has a few million at most
_OF_THE_WAY = {"content-encoding", "content-length", "transfer-encoding"}
"""Headers about how an answer came, which do not hold for what it is."""
_CREDENTIALS = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
_SETTINGS = {"SSL_CERT_FILE", "SSL_CERT_DIR", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
_OUR_SETTINGS = {"MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class RestConnection:
    """Reads the user's settings (``MLFLOW_TRACKING_...``) when it is made; connects when it is used."""

    def __init__(self, uri: str) -> None:
        parts = _parts(uri)
        host = parts.netloc.rpartition("@")[2]
        self.uri = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self.user = unquote(parts.username or "") or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        self.password = unquote(parts.password or "") or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        self.token = "" if parts.username else os.environ.get("MLFLOW_TRACKING_TOKEN", "")
        self._has_answered = False

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        repeatable: bool = True,
        api: str = "2.0",
    ) -> ServerAnswer:
        """Call a verb below ``/api/<version>/mlflow/``.

        Args:
            api: the version.
            repeatable: doing it twice is the same as doing it once, so that it may be tried again
                after a failure that leaves open whether it was done.
        """
        url = f"{self.uri}/api/{api}/mlflow/{path}"
        client = self._client
        request = client.build_request(method, url, json=json, params=query)
        response = self._patiently(lambda _: _read_whole(client.send(request, stream=True)), repeatable)
        refuse_failure(response)
        return read_answer(response)

    def items(self, verb: str, query: Mapping[str, str], name: str) -> Iterator[Json]:
        """What a verb that is paged lists under ``name``, of all pages."""
        token: str | None = None
        while True:
            answer = self.call("GET", verb, query={**query, **page_query(token)})
            yield from parts(answer, name)
            following = next_page_token(answer)
            if following is None or following == token:
                return
            token = following

    @contextmanager
    def reading(self, url: str) -> Iterator[httpx.Response]:
        """The open answer to a GET of ``url``, to be streamed."""
        import httpx

        client = self._client_for(url)
        response = self._patiently(
            lambda _: client.send(client.build_request("GET", url), stream=True), repeatable=True
        )
        try:
            if response.is_error:
                response.read()
            refuse_failure(response)
            yield response
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def put(self, url: str, content: Callable[[], Iterator[bytes]]) -> None:
        """Send a file; ``content`` restarts it for each attempt."""
        client = self._client_for(url)
        headers = {"Content-Type": "application/octet-stream"}

        def send(advanced: Callable[[], None]) -> httpx.Response:
            return client.put(url, content=_telling(content(), advanced), headers=headers)

        response = self._patiently(send, repeatable=True)
        refuse_failure(response)

    def close(self) -> None:
        for name in ("_client", "_stranger"):
            if (client := self.__dict__.pop(name, None)) is not None:
                client.close()

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        headers = {"Authorization": f"Bearer {self.token}"} if self.token and not self.user else {}
        auth = httpx.BasicAuth(self.user, self.password) if self.user else None
        return _client(auth=auth, headers=headers, proxies=self._uses_proxies)

    @property
    def _uses_proxies(self) -> bool:
        return urlsplit(self.uri).hostname not in _LOOPBACK

    def open_async(self, user: str, secret: str) -> httpx.AsyncClient:
        """A client of the server for an event loop; without a ``user`` the ``secret`` is a bearer token.

        Raises:
            TrackingError: the user's settings for HTTP cannot be used.
        """
        import httpx

        auth = httpx.BasicAuth(user, secret) if user else None
        headers = {"Authorization": f"Bearer {secret}"} if secret and not user else {}
        with _naming_settings():
            return httpx.AsyncClient(auth=auth, headers=headers, **_options(proxies=self._uses_proxies))

    @cached_property
    def _stranger(self) -> httpx.Client:
        """For a server that is not the tracking server: it gets none of our credentials."""
        return _client()

    def _client_for(self, url: str) -> httpx.Client:
        return self._client if _origin(url) == _origin(self.uri) else self._stranger

    def _patiently(self, send: Send, repeatable: bool) -> httpx.Response:
        import httpx

        patience = Patience(f"the tracking server {self.uri}", _seconds(), is_known=self._has_answered)
        try:
            response = patience.obtain(send, repeatable=repeatable)
            self._has_answered = True
            return response
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> TrackingError:
        return TrackingError(
            f"The tracking server {self.uri} cannot be reached: {str(error) or type(error).__name__}",
            code="TEMPORARILY_UNAVAILABLE",
            hint="check that it runs and that MLFLOW_TRACKING_URI names it",
        )


def page_query(page_token: str | None) -> dict[str, str]:
    """The field of a request that asks for the page of a token."""
    return {"page_token": page_token} if page_token else {}


def _parts(uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = False
    if not usable:
        raise TrackingError(f'"{redact(uri)}" is not the URL of a tracking server')
    return parts


def _client(
    *, auth: Any = None, headers: Mapping[str, str] | None = None, proxies: bool = True
) -> httpx.Client:
    """Return a client with the user's settings; without ``proxies`` for our own machine."""
    import httpx

    with _naming_settings():
        return httpx.Client(auth=auth, headers=headers, follow_redirects=True, **_options(proxies=proxies))


def _options(*, proxies: bool) -> dict[str, Any]:
    """What a client of httpx is made with."""
    import httpx

    return {
        "verify": _verification(trust_env=proxies),
        "timeout": httpx.Timeout(_seconds(), connect=10),
        "trust_env": proxies,
    }


@contextmanager
def _naming_settings() -> Iterator[None]:
    """A setting of the user's that cannot be used is named."""
    try:
        yield
    except (OSError, ImportError, ValueError) as error:
        message = f"the settings for HTTP cannot be used: {redact(str(error))}"
        raise TrackingError(message, hint=settings_hint(_OUR_SETTINGS)) from error


def settings_hint(more: Set[str] = frozenset()) -> str | None:
    """Which of the variables that an HTTP client is made by (and ``more``) are set, and can be to blame."""
    present = sorted(name for name in os.environ if name.upper() in _SETTINGS | more)
    return f"look at {', '.join(present)}" if present else None


def _seconds() -> float:
    text = os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT") or "120"
    try:
        return float(text)
    except ValueError:
        raise TrackingError(
            f'MLFLOW_HTTP_REQUEST_TIMEOUT is "{text}", which is not a number of seconds'
        ) from None


def _verification(*, trust_env: bool) -> ssl.SSLContext | bool:
    """Whether, or against which certificates, the server's is checked, and which one we show it."""
    verify: ssl.SSLContext | bool = True
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"1", "true"}:
        verify = False
    elif bundle := os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
        import ssl

        verify = ssl.create_default_context(cafile=bundle)
    if not (ours := os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")):
        return verify
    import httpx

    context = httpx.create_ssl_context(verify, trust_env=trust_env)
    context.load_cert_chain(ours)
    return context


def refuse_failure(response: httpx.Response) -> None:
    """Raise what the server says, in the words it says it."""
    if response.is_success:
        return
    said = read_error(response)
    status = response.status_code
    code = str(said.get("error_code") or _CODE_OF_STATUS.get(status, "INTERNAL_ERROR"))
    message = str(said.get("message") or f"the answer is {status} {response.reason_phrase}")
    place = f"{response.request.method} {response.request.url.path}"
    hint = _CREDENTIALS if status in {401, 403} else None
    if (pause := asked_pause(response)) is not None:
        hint = f"the server asks to be left alone for {units.duration(pause)}"
    raise TrackingError(f"{message} ({place})", code=code, hint=hint)


def _read_whole(response: httpx.Response) -> httpx.Response:
    """An answer that is held in memory.

    Raises:
        TrackingError: it is larger than answers are.
    """
    import httpx

    pieces, size = [], 0
    with closing(response):
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST_ANSWER:
                raise TrackingError(
                    f"{response.request.url.copy_with(query=None)} answers with more than"
                    f" {units.size(_LARGEST_ANSWER)}",
                    hint=NOT_MLFLOW,
                )
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_WAY]
    content = b"".join(pieces)
    return httpx.Response(response.status_code, headers=headers, content=content, request=response.request)


def _telling(pieces: Iterator[bytes], advanced: Callable[[], None]) -> Iterator[bytes]:
    """The pieces of an upload; ``advanced`` is called with each."""
    for piece in pieces:
        advanced()
        yield piece


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, parts.port or default
