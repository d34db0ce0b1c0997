"""The records of packages in channels; the only module that queries channels."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.envs.conda.channels import Channel
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple

if TYPE_CHECKING:
    from rattler import Gateway, PackageName, RepoDataRecord, Subdir


class ChannelSearch(NamedTuple):
    """Where is looked, for what machine, and in whose name (``file``: the conda.yaml)."""

    file: Path
    channels: tuple[Channel, ...]
    platform: str
    gateway: Gateway
    as_of: str | None = None
    offline: bool = False

    @property
    def urls(self) -> list[str]:
        return [url for channel in self.channels for url in channel.urls]

    @property
    def moment(self) -> datetime.datetime | None:
        """Nothing that was built later is taken."""
        return datetime.datetime.fromisoformat(self.as_of).astimezone(datetime.UTC) if self.as_of else None


async def find_candidates(search: ChannelSearch, name: str) -> list[RepoDataRecord]:
    """All packages of that name, of any version that is old enough."""
    found = await search.gateway.query(
        search.urls, list_platforms(search.platform), [name], recursive=False, channel_relations="disabled"
    )
    latest = search.moment or datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return [
        record
        for records in found
        for record in records
        if not record.timestamp or record.timestamp <= latest
    ]


async def list_names(search: ChannelSearch) -> set[str]:
    """The name of every package."""
    found = await search.gateway.names(search.urls, list_platforms(search.platform))
    return {name.normalized for name in found}


def list_platforms(word: str) -> list[Subdir]:
    """The folders of a channel that a machine of the platform ``word`` takes packages from.

    Raises:
        EnvError: there is no such platform.
    """
    from rattler import Subdir
    from rattler.exceptions import ParseSubdirError

    try:
        return [Subdir(word), Subdir("noarch")]
    except ParseSubdirError as error:
        raise EnvError(
            f'"{word}" is not a platform of conda',
            hint="one of linux-64, linux-aarch64, osx-64, osx-arm64, win-64",
        ) from error


class ByBuildTime:
    """Return a channel for rattler whose packages have their build time, not the time of indexing.

    Tools that index a mirror write the time of indexing into every record, and rattler prefers it to the
    build time: in a new mirror no package would be old.
    """

    def __init__(self, url: str, gateway: Gateway) -> None:
        self._url = url
        self._gateway = gateway

    async def fetch_package_records(self, platform: Subdir, name: PackageName) -> list[RepoDataRecord]:
        found = await self._gateway.query(
            [self._url], [platform], [name.normalized], recursive=False, channel_relations="disabled"
        )
        records = [record for records in found for record in records]
        for record in records:
            if record.timestamp is not None:
                record.indexed_timestamp = None
        return records

    def package_names(self, platform: Subdir) -> list[str]:
        return []
