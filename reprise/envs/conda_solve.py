"""Match specs to records: rattler's solver with the user's channels, and its refusals in plain words."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reprise.envs import conda_channels, conda_rattler, conda_records
from reprise.envs.conda_channels import Channel, Settings
from reprise.envs.conda_records import Record
from reprise.errors import EnvError
from reprise.redact import redact

if TYPE_CHECKING:
    from rattler import Gateway, MatchSpec, MultiSource, PackageName, RepoDataRecord, Subdir

_SUBDIRS = r"(?:noarch|(?:linux|osx|win|freebsd|emscripten|wasi|zos)-\w+)"
_PREFIX = re.compile(rf"(?P<channel>[^\s\[\]=<>]+?)(?P<subdir>/{_SUBDIRS})?::(?P<rest>.*)")
_IN_BRACKETS = re.compile(r"(?:(?<=\[)|,)\s*channel\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\]]+))")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.]*://[^\s'\"()]+")
_SHOWN = 6


class Question(NamedTuple):
    """What is to be solved. ``specs`` as the project writes them; ``preferred`` are kept where they fit."""

    specs: tuple[str, ...]
    channels: tuple[Channel, ...]
    settings: Settings
    platform: str
    file: Path
    as_of: str | None = None
    offline: bool = False
    preferred: tuple[Record, ...] = ()


def solve(question: Question) -> tuple[Record, ...]:
    """The packages that satisfy the question, by name.

    Raises:
        EnvError: names the spec, package or channel at fault.
    """
    found = conda_rattler.wait_for(_solve(question))
    return tuple(sorted(map(conda_records.from_rattler, found)))


def match_spec(spec: str, file: Path) -> MatchSpec:
    """``spec`` read as conda reads it.

    Raises:
        EnvError: it is no match spec.
    """
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        return MatchSpec(spec)
    except InvalidMatchSpecError as error:
        raise EnvError(
            f'{file}: "{redact(spec)}" is not a conda match spec: {redact(str(error))}',
            hint="for example numpy=1.26, numpy>=1.24,<2, numpy=1.26.4=py311h64a7726_0",
        ) from error


def split_channel(spec: str) -> tuple[str | None, str]:
    """The channel that ``spec`` names, and the spec without it."""
    if inside := _IN_BRACKETS.search(spec):
        rest = spec.replace(inside[0], "").replace("[]", "").replace("[,", "[")
        return (inside[1] or inside[2] or inside[3]).strip(), rest
    if found := _PREFIX.fullmatch(spec.strip()):
        rest = found["rest"]
        if found["subdir"]:
            subdir = f'subdir="{found["subdir"][1:]}"'
            rest = f"{rest[:-1]}, {subdir}]" if rest.endswith("]") else f"{rest}[{subdir}]"
        return found["channel"], rest
    return None, spec


async def _solve(question: Question) -> list[RepoDataRecord]:
    import rattler
    from rattler import ChannelPriority
    from rattler.exceptions import GatewayError, SolverError

    channels, specs = _with_named_channels(question)
    gateway = conda_rattler.gateway(question.settings, offline=question.offline)
    sources = [_source(channel, gateway if question.as_of else None) for channel in channels]
    priority = str(question.settings["channel_priority"]).capitalize()
    try:
        return await rattler.solve(
            sources,
            specs,
            gateway,
            platforms=_platforms(question),
            locked_packages=[conda_records.to_rattler(record) for record in question.preferred],
            virtual_packages=conda_rattler.virtual_packages(question.platform),
            channel_priority=getattr(ChannelPriority, priority, ChannelPriority.Flexible),
            exclude_newer=_moment(question.as_of),
            timestamp_policy="allow-missing",
            channel_relations="disabled",
            add_pip_as_python_dependency=await _brings_pip(question, channels, gateway),
        )
    except GatewayError as error:
        raise await _unreachable(question, channels, gateway, error) from error
    except SolverError as error:
        raise await _unsolvable(question, channels, specs, gateway, error) from error


def _with_named_channels(question: Question) -> tuple[list[Channel], list[MatchSpec]]:
    """The channels with those that single specs name, and the specs with these channels' addresses."""
    channels, specs = list(question.channels), []
    for written in question.specs:
        name, rest = split_channel(written)
        if name is not None:
            named = conda_channels.channel(name, question.settings, question.file.parent)
            if named.urls not in [channel.urls for channel in channels]:
                channels.append(named)
            rest = f"{named.urls[0] if len(named.urls) == 1 else named.name}::{rest}"
        specs.append(match_spec(rest, question.file))
    return channels, specs


def _source(channel: Channel, dated: Gateway | None) -> MultiSource | str | _ByBuildTime:
    from rattler import MultiSource

    members = [_ByBuildTime(url, dated) if dated else url for url in channel.urls]
    return members[0] if len(members) == 1 else MultiSource(channel.name, members)


class _ByBuildTime:
    """A channel whose packages are as old as their build, whenever it was indexed last.

    Tools that index a mirror write the time of the indexing into every record, and rattler prefers that
    to the time of the build: to a mirror of today nothing would be old.
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


def _platforms(question: Question) -> list[Subdir]:
    from rattler import Subdir
    from rattler.exceptions import ParseSubdirError

    try:
        return [Subdir(question.platform), Subdir("noarch")]
    except ParseSubdirError as error:
        raise EnvError(
            f'"{question.platform}" is not a platform of conda',
            hint="one of linux-64, linux-aarch64, osx-64, osx-arm64, win-64",
        ) from error


def _moment(as_of: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(as_of).astimezone(datetime.UTC) if as_of else None


async def _brings_pip(question: Question, channels: Sequence[Channel], gateway: Gateway) -> bool:
    """Whether Python brings pip along, as conda has it, where a channel has one."""
    return bool(question.settings["add_pip_as_python_dependency"]) and bool(
        await _candidates(question, channels, gateway, "pip")
    )


async def _candidates(
    question: Question, channels: Iterable[Channel], gateway: Gateway, name: str
) -> list[RepoDataRecord]:
    found = await gateway.query(
        _urls(channels), _platforms(question), [name], recursive=False, channel_relations="disabled"
    )
    return [record for records in found for record in records]


def _urls(channels: Iterable[Channel]) -> list[str]:
    return [url for channel in channels for url in channel.urls]


async def _unreachable(
    question: Question, channels: Sequence[Channel], gateway: Gateway, error: Exception
) -> EnvError:
    """Which channel cannot be had: the one whose address rattler names, else each is asked alone."""
    from rattler.exceptions import GatewayError

    named = [conda_channels.hidden(url) for url in _ADDRESS.findall(str(error))]
    for channel in channels:
        for url in channel.urls:
            if any(address.startswith(conda_channels.hidden(url)) for address in named):
                return _channel_failure(channel, url, error, offline=question.offline)
    for channel in channels:
        for url in channel.urls:
            try:
                await _candidates(question, [Channel(channel.name, (url,))], gateway, "python")
            except GatewayError as caught:
                return _channel_failure(channel, url, caught, offline=question.offline)
    return EnvError(f"the channels cannot be read: {conda_channels.plain(error)}")


def _channel_failure(channel: Channel, url: str, error: Exception, *, offline: bool) -> EnvError:
    address = redact(conda_channels.hidden(url))
    known_as = "" if channel.name in (url, address) else f' "{redact(conda_channels.hidden(channel.name))}"'
    text = str(error)
    if offline:
        return EnvError(
            f"the list of packages of channel{known_as} {address} is not in the cache, "
            "and --offline fetches nothing",
            hint="run it once without --offline",
        )
    if "could not find subdir" in text or "404" in text:
        return EnvError(
            f"there is no channel{known_as} at {address}",
            hint="channels: in the conda.yaml and .condarc say where packages come from",
        )
    if re.search(r"\b40[13]\b", text):
        return EnvError(
            f"channel{known_as} {address} refused us",
            hint="give its token or password in .condarc (channel_alias, custom_channels) or in ~/.netrc",
        )
    return EnvError(
        f"channel{known_as} {address} cannot be reached: {conda_channels.plain(error)}",
        hint="is it reachable from here? A mirror is named by channel_alias, custom_channels or "
        "mirrored_channels in .condarc, a proxy by proxy_servers or HTTPS_PROXY",
    )


async def _unsolvable(
    question: Question,
    channels: Sequence[Channel],
    specs: Sequence[MatchSpec],
    gateway: Gateway,
    error: Exception,
) -> EnvError:
    """The spec at fault where one alone is, else the solver's own account of the conflict."""
    for written, spec in zip(question.specs, specs, strict=True):
        name = spec.name.normalized
        moment = _moment(question.as_of) or datetime.datetime.max.replace(tzinfo=datetime.UTC)
        there = [
            record
            for record in await _candidates(question, channels, gateway, name)
            if not record.timestamp or record.timestamp <= moment
        ]
        if not there:
            return await _unknown(question, channels, gateway, written, name)
        if not any(record.matches(spec) for record in there):
            return _no_such_version(question, written, there)
    account = "\n".join(f"  {line}" for line in str(error).strip().splitlines())
    missing = re.search(r"(__\w+) [^,]*, for which no candidates", str(error))
    return EnvError(
        f"{question.file}: the packages cannot be together:\n{redact(account)}",
        hint=_machine_hint(missing[1], question.platform)
        if missing
        else "loosen one of the versions named",
    )


async def _unknown(
    question: Question, channels: Sequence[Channel], gateway: Gateway, written: str, name: str
) -> EnvError:
    known = await gateway.names(_urls(channels), _platforms(question))
    near = get_close_matches(name, {found.normalized for found in known}, n=1, cutoff=0.7)
    when = f" that is as old as {question.as_of}" if question.as_of else ""
    return EnvError(
        f'{question.file}: no channel has a package "{name}"{when} for {question.platform} '
        f'(asked for by "{redact(written)}", looked for in {_named(channels)})',
        hint=f'did you mean "{near[0]}"?'
        if near
        else "a Python package can be moved to the pip section; another channel may have it",
    )


def _no_such_version(question: Question, written: str, there: Iterable[RepoDataRecord]) -> EnvError:
    newest = sorted(there, key=lambda record: (record.version, record.build_number), reverse=True)
    asked_for_build = conda_spec_build(written)
    shown = dict.fromkeys(
        f"{record.version}={record.build}" if asked_for_build else str(record.version) for record in newest
    )
    first = list(shown)[:_SHOWN]
    return EnvError(
        f'{question.file}: nothing satisfies "{redact(written)}" on {question.platform}; '
        f"there {'is' if len(shown) == 1 else 'are'} {', '.join(first)}"
        + (f" and {len(shown) - _SHOWN} others" if len(shown) > _SHOWN else ""),
        hint="builds are taken off channels in time: pin the version without the build"
        if asked_for_build
        else "ask for one of these, or name a channel that has it",
    )


def conda_spec_build(written: str) -> str:
    """The build string that a spec asks for, empty for any."""
    _, rest = split_channel(written)
    return match_spec(rest, Path()).build or ""


def _machine_hint(name: str, platform: str) -> str:
    has = {found.name.normalized: str(found.version) for found in conda_rattler.virtual_packages(platform)}
    what = f"has {name} {has[name]}" if name in has else f"has no {name}"
    return f"this machine {what}; CONDA_OVERRIDE_{name.strip('_').upper()} says otherwise where it is wrong"


def _named(channels: Iterable[Channel]) -> str:
    return ", ".join(redact(conda_channels.hidden(channel.name)) for channel in channels)
