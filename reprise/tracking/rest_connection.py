"""One HTTP connection to an MLflow server: credentials, patience, and errors in MLflow's words."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from reprise.errors import TrackingError
from reprise.redact import redact

if TYPE_CHECKING:
    import ssl

    import httpx

logger = logging.getLogger(__name__)

PAUSES = (0.1, 0.4, 1.6)
"""Seconds before each further attempt; patience is for a server that is just restarting."""

_REFUSED_FOR_NOW = {429, 502, 503}
_CODE_OF_STATUS = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}
_CREDENTIALS = "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
_SETTINGS = {"SSL_CERT_FILE", "SSL_CERT_DIR", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
_OUR_SETTINGS = {"MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NOT_MLFLOW = "check that MLFLOW_TRACKING_URI names an MLflow server, with its path if it has one"


class RestConnection:
    """Reads the user's settings (``MLFLOW_TRACKING_...``) when it is made; connects when it is used."""

    def __init__(self, uri: str) -> None:
        parts = _parts(uri)
        host = parts.netloc.rpartition("@")[2]
        self.uri = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self.user = unquote(parts.username or "") or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        self.password = unquote(parts.password or "") or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        self.token = "" if parts.username else os.environ.get("MLFLOW_TRACKING_TOKEN", "")

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        repeatable: bool = True,
        api: str = "2.0",
    ) -> dict[str, Any]:
        """Call a verb below ``/api/<version>/mlflow/``.

        Args:
            api: the version.
            repeatable: doing it twice is the same as doing it once, so that it may be tried again
                after a failure that leaves open whether it was done.
        """
        url = f"{self.uri}/api/{api}/mlflow/{path}"
        response = self._patiently(
            lambda: self._client.request(method, url, json=json, params=query), repeatable
        )
        refuse_failure(response)
        return _object(response)

    def items(self, verb: str, query: Mapping[str, str], name: str) -> Iterator[Mapping[str, Any]]:
        """What a verb that is paged lists under ``name``, of all pages."""
        token: str | None = None
        while True:
            answer = self.call("GET", verb, query={**query, **page_query(token)})
            yield from answer.get(name, ())
            following = answer.get("next_page_token") or None
            if following is None or following == token:
                return
            token = following

    @contextmanager
    def reading(self, url: str) -> Iterator[httpx.Response]:
        """The open answer to a GET of ``url``, to be streamed."""
        import httpx

        client = self._client_for(url)
        response = self._patiently(
            lambda: client.send(client.build_request("GET", url), stream=True), repeatable=True
        )
        try:
            if response.is_error:
                response.read()
            refuse_failure(response)
            yield response
        except httpx.RequestError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def put(self, url: str, content: Callable[[], Iterator[bytes]]) -> None:
        """Send a file; ``content`` begins it anew for each attempt."""
        client = self._client_for(url)
        headers = {"Content-Type": "application/octet-stream"}
        response = self._patiently(
            lambda: client.put(url, content=content(), headers=headers), repeatable=True
        )
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

    def _patiently(self, send: Callable[[], httpx.Response], repeatable: bool) -> httpx.Response:
        import httpx

        for pause in (*PAUSES, None):
            try:
                response = send()
            except httpx.RequestError as error:
                never_arrived = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if pause is None or not (repeatable or never_arrived):
                    raise self._unreachable(error) from error
            else:
                if pause is None or response.status_code not in _REFUSED_FOR_NOW or not repeatable:
                    return response
                response.close()
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

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
    """A client by the user's settings; without ``proxies`` they do not stand before our own machine."""
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
            f'MLFLOW_HTTP_REQUEST_TIMEOUT is "{text}", which is no number of seconds'
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
    try:
        body = response.json()
    except ValueError:
        body = None
    said = body if isinstance(body, dict) else {}
    status = response.status_code
    code = str(said.get("error_code") or _CODE_OF_STATUS.get(status, "INTERNAL_ERROR"))
    message = str(said.get("message") or f"the answer is {status} {response.reason_phrase}")
    place = f"{response.request.method} {response.request.url.path}"
    raise TrackingError(
        f"{message} ({place})", code=code, hint=_CREDENTIALS if status in {401, 403} else None
    )


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json(object_hook=_Answer)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise TrackingError(
            f"{response.request.url.copy_with(query=None)} answered something that is not MLflow's JSON: "
            f"{response.text[:80]!r}",
            hint=_NOT_MLFLOW,
        )
    return body


class _Answer(dict[str, Any]):
    """An object of an answer; a field that any MLflow server gives and this one does not is an error."""

    def __missing__(self, name: str) -> Any:
        raise TrackingError(
            f"the server answered without {name!r}, which is not MLflow's", hint=_NOT_MLFLOW
        )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, parts.hostname, parts.port or default
