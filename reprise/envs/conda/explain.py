"""Why packages cannot be solved, in sentences that name the channel, package or spec at fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reprise.envs.conda import (
    channels as conda_channels,
)
from reprise.envs.conda import (
    credentials,
    rattler,
    repodata,
)
from reprise.envs.conda import (
    specs as conda_specs,
)
from reprise.envs.conda.channels import Channel
from reprise.envs.conda.repodata import ChannelSearch
from reprise.errors import EnvError
from reprise.redact import redact

if TYPE_CHECKING:
    from rattler import MatchSpec, RepoDataRecord

_ADDRESS = re.compile(r"[a-z][a-z0-9+.]*://[^\s'\"()]+")
_SHOWN = 6


async def explain_unreachable(search: ChannelSearch, error: Exception) -> EnvError:
    """Return the error for the unavailable channel: the one in rattler's message, else each is tried
    separately.
    """
    from rattler.exceptions import GatewayError

    named = [credentials.hide_secrets(address) for address in _ADDRESS.findall(str(error))]
    single = [(channel, url) for channel in search.channels for url in channel.urls]
    for channel, url in single:
        if any(f"{address}/".startswith(f"{credentials.hide_secrets(url)}/") for address in named):
            return _channel_failure(channel, url, error, offline=search.offline)
    for channel, url in single:
        try:
            await repodata.find_candidates(
                search._replace(channels=(Channel(channel.name, (url,)),)), "python"
            )
        except GatewayError as caught:
            return _channel_failure(channel, url, caught, offline=search.offline)
    return EnvError(f"cannot read the channels: {conda_channels.explain_plainly(error)}")


def _channel_failure(channel: Channel, url: str, error: Exception, *, offline: bool) -> EnvError:
    address = redact(credentials.hide_secrets(url))
    known_as = (
        "" if channel.name in (url, address) else f' "{redact(credentials.hide_secrets(channel.name))}"'
    )
    text = str(error)
    if offline:
        return EnvError(
            f"the list of packages of channel{known_as} {address} is not in the cache, "
            "and --offline fetches nothing",
            hint="run it once without --offline",
        )
    if "could not find subdir" in text or "(404" in text:
        return EnvError(
            f"there is no channel{known_as} at {address}: it has no noarch/repodata.json",
            hint="check channels: in the conda.yaml and .condarc",
        )
    if re.search(r"\(40[13]\b", text):
        return EnvError(
            f"channel{known_as} {address} refused us",
            hint="set its token or password in .condarc (channel_alias, custom_channels) or in ~/.netrc",
        )
    return EnvError(
        f"cannot reach channel{known_as} {address}: {conda_channels.explain_plainly(error)}",
        hint="set the trusted certificates with ssl_verify in .condarc, or SSL_CERT_FILE"
        if "certificate" in text
        else "is it reachable from here? A mirror is named by channel_alias, custom_channels or "
        "mirrored_channels in .condarc, a proxy by proxy_servers or HTTPS_PROXY",
    )


async def explain_unsolvable(
    search: ChannelSearch, written: Sequence[str], specs: Sequence[MatchSpec], error: Exception
) -> EnvError:
    """Return the error for the spec that cannot be satisfied, else the solver's explanation of the
    conflict.

    Args:
        written: the specs as the project writes them, in the order of ``specs``.
    """
    for text, spec in zip(written, specs, strict=True):
        there = await repodata.find_candidates(search, spec.name.normalized)
        if not there:
            return await _explain_unknown(search, text, spec.name.normalized)
        if not any(record.matches(spec) for record in there):
            return _no_such_version(search, text, there)
    account = "\n".join(f"  {line}" for line in str(error).strip().splitlines())
    missing = re.search(r"(__\w+) [^,]*, for which no candidates", str(error))
    return EnvError(
        f"{search.file}: the packages are in conflict:\n{redact(account)}",
        hint=_machine_hint(missing[1], search.platform) if missing else "relax one of these versions",
    )


async def _explain_unknown(search: ChannelSearch, written: str, name: str) -> EnvError:
    near = get_close_matches(name, await repodata.list_names(search), n=1, cutoff=0.7)
    when = f" that is as old as {search.as_of}" if search.as_of else ""
    return EnvError(
        f'{search.file}: no channel has a package "{name}"{when} for {search.platform} '
        f'(required by "{redact(written)}", searched in {_name_channels(search.channels)})',
        hint=f'did you mean "{near[0]}"?'
        if near
        else "a Python package can be moved to the pip section; another channel may have it",
    )


def _no_such_version(search: ChannelSearch, written: str, there: Iterable[RepoDataRecord]) -> EnvError:
    newest = sorted(there, key=lambda record: (record.version, record.build_number), reverse=True)
    asked_for_build = conda_specs.build_of(written)
    shown = dict.fromkeys(
        f"{record.version}={record.build}" if asked_for_build else str(record.version) for record in newest
    )
    first = list(shown)[:_SHOWN]
    return EnvError(
        f'{search.file}: nothing satisfies "{redact(written)}" on {search.platform}; '
        f"there {'is' if len(shown) == 1 else 'are'} {', '.join(first)}"
        + (f" and {len(shown) - _SHOWN} others" if len(shown) > _SHOWN else ""),
        hint="channels remove old builds: pin the version without the build"
        if asked_for_build
        else "require one of these, or add a channel that has it",
    )


def _machine_hint(name: str, platform: str) -> str:
    has = {found.name.normalized: str(found.version) for found in rattler.virtual_packages(platform)}
    what = f"has {name} {has[name]}" if name in has else f"has no {name}"
    return f"this machine {what}; CONDA_OVERRIDE_{name.strip('_').upper()} says otherwise where it is wrong"


def _name_channels(channels: Iterable[Channel]) -> str:
    return ", ".join(redact(credentials.hide_secrets(channel.name)) for channel in channels)
