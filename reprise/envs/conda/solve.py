"""Match specs to records: rattler's solver with the user's channels and settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reprise.envs.conda import (
    channels as conda_channels,
)
from reprise.envs.conda import (
    explain,
    records,
    repodata,
)
from reprise.envs.conda import (
    rattler as conda_rattler,
)
from reprise.envs.conda import (
    specs as conda_specs,
)
from reprise.envs.conda.channels import Channel, Settings
from reprise.envs.conda.records import CondaRecord
from reprise.envs.conda.repodata import ByBuildTime, ChannelSearch
from reprise.named_tuple import NamedTuple

if TYPE_CHECKING:
    from rattler import Gateway, MatchSpec, MultiSource, RepoDataRecord


class SolverQuestion(NamedTuple):
    """What to solve. ``specs`` are those of the project; ``preferred`` versions are kept if they fit."""

    specs: tuple[str, ...]
    channels: tuple[Channel, ...]
    settings: Settings
    platform: str
    file: Path
    as_of: str | None = None
    offline: bool = False
    preferred: tuple[CondaRecord, ...] = ()


def solve_question(question: SolverQuestion) -> tuple[CondaRecord, ...]:
    """The packages that satisfy the question, by name.

    Raises:
        EnvError: names the spec, package or channel that caused it.
    """
    found = conda_rattler.wait_for(_run_solver(question), question.settings)
    return tuple(sorted(map(records.from_rattler, found)))


async def _run_solver(question: SolverQuestion) -> list[RepoDataRecord]:
    import rattler
    from rattler import ChannelPriority
    from rattler.exceptions import GatewayError, SolverError

    channels, specs = _with_named_channels(question)
    gateway = conda_rattler.make_gateway(question.settings, offline=question.offline)
    search = ChannelSearch(
        question.file, channels, question.platform, gateway, question.as_of, question.offline
    )
    priority = str(question.settings["channel_priority"]).capitalize()
    try:
        return await rattler.solve(
            [_make_source(channel, gateway if question.as_of else None) for channel in channels],
            specs,
            gateway,
            platforms=repodata.list_platforms(question.platform),
            locked_packages=[records.to_rattler(record) for record in question.preferred],
            virtual_packages=conda_rattler.virtual_packages(question.platform),
            channel_priority=getattr(ChannelPriority, priority, ChannelPriority.Flexible),
            exclude_newer=search.moment,
            timestamp_policy="allow-missing",
            channel_relations="disabled",
            add_pip_as_python_dependency=await _brings_pip(question, search),
        )
    except GatewayError as error:
        raise await explain.explain_unreachable(search, error) from error
    except SolverError as error:
        raise await explain.explain_unsolvable(search, question.specs, specs, error) from error


def _with_named_channels(question: SolverQuestion) -> tuple[tuple[Channel, ...], list[MatchSpec]]:
    """The channels with those that single specs name, and the specs with these channels' addresses."""
    channels, specs = list(question.channels), []
    for written in question.specs:
        name, rest = conda_specs.split_channel(written)
        if name is not None:
            named = conda_channels.find_channel(name, question.settings, question.file.parent)
            if named.urls not in [channel.urls for channel in channels]:
                channels.append(named)
            rest = f"{named.urls[0] if len(named.urls) == 1 else named.name}::{rest}"
        specs.append(conda_specs.match_spec(rest, question.file))
    return tuple(channels), specs


def _make_source(channel: Channel, dated: Gateway | None) -> MultiSource | str | ByBuildTime:
    from rattler import MultiSource

    members = [ByBuildTime(url, dated) if dated else url for url in channel.urls]
    return members[0] if len(members) == 1 else MultiSource(channel.name, members)


async def _brings_pip(question: SolverQuestion, search: ChannelSearch) -> bool:
    """Whether Python brings pip along, as conda has it, where a channel has one."""
    wanted = bool(question.settings["add_pip_as_python_dependency"])
    return wanted and bool(await repodata.find_candidates(search, "pip"))
