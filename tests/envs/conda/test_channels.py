"""Where a conda.yaml's packages come from: names, URLs, folders, and what .condarc says of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprise.envs.cache import store
from reprise.envs.conda import (
    channels as conda_channels,
)
from reprise.envs.conda import (
    credentials,
    manager,
    specs,
)
from reprise.errors import EnvError
from reprise.schemas.environment import CondaEnv, Credentials, Policy
from tests.envs import conda_channel

pytestmark = pytest.mark.usefixtures("house")

ALIAS = conda_channels.BUILT_IN["channel_alias"]
DEFAULTS = conda_channels.BUILT_IN["default_channels"]


@pytest.fixture
def condarc(house: Path) -> Path:
    return house / ".condarc"


def urls(*names: str) -> list[tuple[str, ...]]:
    settings = conda_channels.read_settings(os.environ)
    return [channel.urls for channel in conda_channels.for_project(names, settings, Path.cwd())]


def test_names_without_any_settings() -> None:
    assert urls() == [(f"{ALIAS}/conda-forge",)]
    assert urls("defaults", "conda-forge/label/dev") == [DEFAULTS, (f"{ALIAS}/conda-forge/label/dev",)]
    assert urls("pkgs/main") == [(DEFAULTS[0],)]
    assert urls("https://host/team/", "./local") == [
        ("https://host/team",),
        (f"{Path.cwd().as_uri()}/local",),
    ]


def test_the_users_channels_come_after_the_projects(condarc: Path) -> None:
    condarc.write_text("channels: [team, conda-forge]\n")
    assert urls("conda-forge") == [(f"{ALIAS}/conda-forge",), (f"{ALIAS}/team",)]
    assert urls("conda-forge", "nodefaults") == [(f"{ALIAS}/conda-forge",)]
    assert urls() == [(f"{ALIAS}/team",), (f"{ALIAS}/conda-forge",)]


def test_aliases_custom_channels_and_multichannels(condarc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE", "mirror.example.org")
    condarc.write_text(
        "channel_alias: https://$SITE/all/\n"
        "default_channels: ['https://${SITE}/main']\n"
        "custom_channels: {conda-forge: file:///srv, team/x: https://team.example.org}\n"
        "custom_multichannels: {both: [conda-forge, other]}\n"
        "mirrored_channels: {bioconda: [https://near.example.org/bioconda, https://far.example.org]}\n"
    )
    assert urls("defaults", "both", "team/x/label/a", "bioconda", "anything") == [
        ("https://mirror.example.org/main",),
        ("file:///srv/conda-forge", "https://mirror.example.org/all/other"),
        ("https://team.example.org/team/x/label/a",),
        ("https://near.example.org/bioconda",),
        ("https://mirror.example.org/all/anything",),
    ]


def test_later_files_win_and_lists_join(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (house / ".condarc").write_text("channels: [user]\nchannel_alias: https://user\n")
    (house / ".config" / "conda" / "condarc.d").mkdir(parents=True)
    (house / ".config" / "conda" / "condarc.d" / "a.yml").write_text(
        "channels: [early]\nchannel_alias: https://e\n"
    )
    named = tmp_path / "site.yml"
    named.write_text("channels: [site]\n")
    monkeypatch.setenv("CONDARC", str(named))
    assert urls() == [("https://user/site",), ("https://user/user",), ("https://user/early",)]
    monkeypatch.setenv("CONDA_CHANNEL_ALIAS", "https://variable")
    assert urls("x")[0] == ("https://variable/x",)


def test_forbidden_channels_are_refused(condarc: Path) -> None:
    condarc.write_text("denylist_channels: [defaults-of-old, bad]\n")
    with pytest.raises(EnvError, match='channel "bad" is not allowed'):
        urls("bad")
    condarc.write_text("allowlist_channels: [good]\n")
    assert urls("good") == [(f"{ALIAS}/good",)]
    with pytest.raises(EnvError, match='channel "conda-forge" is not allowed'):
        urls("conda-forge")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "is not a mapping"),
        ("channels: {a: 1}", "channels is not what conda expects"),
        ("a: [", "cannot read"),
    ],
)
def test_broken_settings_are_named(condarc: Path, text: str, message: str) -> None:
    condarc.write_text(text)
    with pytest.raises(EnvError, match=message) as caught:
        urls("x")
    assert str(condarc) in caught.value.message


def test_credentials_are_hidden_and_put_back() -> None:
    given = "https://user:pw@host.example.org/t/tk-12/team"
    bare = "https://host.example.org/team/noarch/x.conda"
    assert credentials.hide_secrets(f"{given}/noarch/x.conda") == bare
    known = Credentials(channels=credentials.collect_channels([given]))
    assert credentials.restore_secrets(bare, known) == f"{given}/noarch/x.conda"
    other = "https://host.example.org/teamwork/x"
    assert credentials.restore_secrets(other, known) == other
    assert "tk-12" not in repr(known)
    assert credentials.hide_secrets("file:///t/x/noarch") == "file:///t/x/noarch"


@pytest.mark.parametrize(
    ("spec", "channel", "rest"),
    [
        ("numpy=1.2", None, "numpy=1.2"),
        ("conda-forge::numpy=1.2", "conda-forge", "numpy=1.2"),
        ("conda-forge/linux-64::numpy", "conda-forge", 'numpy[subdir="linux-64"]'),
        ("https://host/team::numpy >=1,<2", "https://host/team", "numpy >=1,<2"),
        ("numpy[channel=team, build=py*]", "team", "numpy[ build=py*]"),
        ("numpy[build='py*', channel='team']", "team", "numpy[build='py*']"),
    ],
)
def test_the_channel_of_a_single_spec(spec: str, channel: str | None, rest: str) -> None:
    assert specs.split_channel(spec) == (channel, rest)
    specs.match_spec(rest, Path("conda.yaml"))


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """The same package in two channels, newer in the second."""
    for name, version in (("first", "1.0"), ("second", "2.0")):
        conda_channel.package(tmp_path / name, "tool", version)
        conda_channel.package(tmp_path / name, f"only-{name}")
    return tmp_path / "first", tmp_path / "second"


def solved(log: Path, channels: tuple[str, ...], *dependencies: str) -> dict[str, str]:
    asked = CondaEnv(Path.cwd(), Path("conda.yaml"), None, channels, dependencies)
    environment = store.ensure_environment(manager, asked, Policy(), log)
    return {package.name: package.version for package in manager.packages(environment.lock)}


def test_priority_of_channels(two: tuple[Path, Path], log: Path, condarc: Path) -> None:
    first, second = (path.as_uri() for path in two)
    assert solved(log, (first, second), "tool", "only-second") == {"tool": "1.0", "only-second": "1.0"}
    assert solved(log, (first, second), "tool=2") == {"tool": "2.0"}  # flexible, as conda's own default
    condarc.write_text("channel_priority: disabled\n")
    assert solved(log, (first, second), "tool") == {"tool": "2.0"}


def test_a_spec_may_name_its_channel(two: tuple[Path, Path], log: Path, condarc: Path) -> None:
    first, second = (path.as_uri() for path in two)
    assert solved(log, (first,), f"{second}::tool") == {"tool": "2.0"}
    condarc.write_text(
        f"custom_multichannels: {{both: [{first}, {second}]}}\nchannel_alias: {two[0].parent.as_uri()}\n"
    )
    assert solved(log, ("first",), "second::tool") == {"tool": "2.0"}
    assert solved(log, ("both",), "both::tool", "only-second") == {"tool": "2.0", "only-second": "1.0"}


def test_a_change_of_settings_resolves_again(two: tuple[Path, Path], log: Path, condarc: Path) -> None:
    for folder, version in zip(two, ("1.0", "2.0"), strict=True):
        condarc.write_text(f"custom_channels: {{{folder.name}: {folder.parent.as_uri()}}}\n")
        assert solved(log, (folder.name,), "tool") == {"tool": version}
    condarc.write_text(f"mirrored_channels: {{conda-forge: [{two[0].as_uri()}]}}\n")
    assert solved(log, ("conda-forge",), "tool") == {"tool": "1.0"}
