"""User names, passwords and tokens in the URLs of conda channels: kept apart from locks.

A lock is kept and shown, so its addresses are bare. What was taken out is put back when a package is
fetched: the credentials of the project's files travel beside the lock, those of the user's conda settings
are read where the packages are installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reprise.envs.conda.specs import split_channel
from reprise.envs.project_files.credentials import collect_credentials
from reprise.schemas.environment import CondaEnv, Credentials

_SECRET = re.compile(
    r"^(?P<scheme>[A-Za-z][\w+.\-]*://)(?:[^/@]*@)?(?P<host>[^/]*)(?:/t/[^/]+)?(?P<rest>.*)$"
)
_CHANNEL_OF_PACKAGE = re.compile(
    r"([A-Za-z][\w+.\-]*://[^\s\"'#,]+)/[^/\s\"'#,]+/[^/\s\"'#,]+\.(?:conda|tar\.bz2)"
)

Channels = tuple[tuple[str, str], ...]
"""The address of each channel that has credentials: without them, and with them."""


def hide_secrets(url: str) -> str:
    """``url`` without user, password and ``/t/TOKEN``."""
    if url.startswith("file:"):
        return url
    return _SECRET.sub(r"\g<scheme>\g<host>\g<rest>", url)


def collect_channels(urls: Iterable[str]) -> Channels:
    """The credentials in ``urls``, which are addresses of channels; of several for one the last."""
    pairs = ((hide_secrets(url).rstrip("/"), url.rstrip("/")) for url in urls)
    return tuple({bare: url for bare, url in pairs if bare != url}.items())


def collect_of_files(spec: CondaEnv, texts: Sequence[str]) -> Credentials:
    """Those in ``spec``, and in ``texts``: its files of requirements, and lock files beside it."""
    channels = [name for name in spec.channels if "://" in name]
    channels += [name for line in spec.dependencies if "://" in line and (name := split_channel(line)[0])]
    channels += [channel for text in texts for channel in _CHANNEL_OF_PACKAGE.findall(text)]
    return collect_credentials(texts)._replace(channels=collect_channels(channels))


def restore_secrets(url: str, credentials: Credentials) -> str:
    """``url``, of a package, with the credentials of its channel."""
    for bare, channel in sorted(credentials.channels, key=lambda pair: len(pair[0]), reverse=True):
        if url == bare or url.startswith(f"{bare}/"):
            return channel + url[len(bare) :]
    return url
