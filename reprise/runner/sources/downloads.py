"""Download a file, streamed; used for archives and inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reprise import progress
from reprise.errors import SourceError
from reprise.redact import redact
from reprise.tracking.rest.connection import settings_hint

if TYPE_CHECKING:
    import httpx

MOST = 8 << 30
"""Bytes; more than that is refused."""

_CHUNK = 1 << 20


def download_file(url: str, target: Path) -> None:
    """Bring what ``url`` names to the file ``target``.

    Raises:
        SourceError: it is not available, or is too large; credentials in the URL are not in the message.
    """
    import httpx

    shown = redact(url)
    try:
        client = httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=20))
    except (OSError, ImportError, ValueError) as error:  # a proxy or a certificate that httpx cannot use
        message = f"cannot download {shown}, the HTTP settings are invalid: {redact(str(error))}"
        raise SourceError(message, hint=settings_hint()) from error
    try:
        with client:
            _stream_file(client, url, target)
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        hint = "it needs credentials" if code in (401, 403) else "check the URL"
        raise SourceError(f"{shown} answered {code} {error.response.reason_phrase}", hint=hint) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        what = redact(str(error)) or type(error).__name__
        raise SourceError(
            f"cannot reach {shown}: {what}", hint="check the host name, the network and the proxy"
        ) from None
    except (ValueError, OSError) as error:  # an answer out of all rules, a full disk
        raise SourceError(f"cannot download {shown}: {redact(str(error))}") from error


def _stream_file(client: httpx.Client, url: str, target: Path) -> None:
    with client.stream("GET", url) as response:
        response.raise_for_status()
        total = int(response.headers.get("Content-Length") or 0)
        title = f"Downloading {redact(url)}"
        with target.open("wb") as out, progress.bar(title, total or None) as advance:
            for chunk in response.iter_bytes(_CHUNK):
                if out.tell() + len(chunk) > MOST or total > MOST:
                    raise SourceError(f"{redact(url)} is larger than {MOST >> 30} GiB")
                out.write(chunk)
                advance(len(chunk))
