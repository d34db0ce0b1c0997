"""conda-lock.yml and pixi.lock: written, used, and told when they do not fit."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from reprise.envs.cache import store
from reprise.envs.conda import manager, pip_files
from reprise.errors import EnvError, UsageError
from reprise.schemas.environment import NO_CREDENTIALS, CondaEnv, Environment, Policy
from tests.envs import conda_channel, wheels

pytestmark = pytest.mark.usefixtures("index")

HERE = conda_channel.HERE


@pytest.fixture
def channel(tmp_path: Path) -> Path:
    """tool 1.0 and 1.1 for this machine and osx-arm64, each of which needs part."""
    folder = tmp_path / "channel"
    for subdir in (HERE, "osx-arm64"):
        conda_channel.package(folder, "part", depends=[], subdir=subdir)
        for version in ("1.0", "1.1"):
            conda_channel.package(folder, "tool", version, depends=["part >=1"], subdir=subdir)
    return folder


def spec(channel: Path | str, *dependencies: str, **fields: Any) -> CondaEnv:
    url = channel if isinstance(channel, str) else channel.as_uri()
    return CondaEnv(Path.cwd(), Path("conda.yaml"), None, (url,), dependencies, **fields)


def write(spec: CondaEnv, log: Path, *platforms: str, **policy: Any) -> dict[str, Any]:
    (path,) = manager.write_lock(spec, Policy(**policy), platforms, log)
    assert path == Path.cwd() / "conda-lock.yml"
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def ensure(spec: CondaEnv, log: Path, **policy: Any) -> Environment:
    return store.ensure_environment(manager, spec, Policy(**policy), log)


def versions(environment: Environment) -> dict[str, str]:
    return {package.name: package.version for package in manager.packages(environment.lock)}


def test_a_lock_is_written_for_several_platforms_and_used(channel: Path, log: Path) -> None:
    content = write(spec(channel, "tool=1.0"), log, HERE, "osx-arm64")
    assert content["version"] == 1
    assert content["metadata"]["platforms"] == [HERE, "osx-arm64"]
    assert {(item["name"], item["version"], item["platform"]) for item in content["package"]} == {
        (name, "1.0", platform) for name in ("tool", "part") for platform in (HERE, "osx-arm64")
    }
    tool = next(item for item in content["package"] if item["name"] == "tool")
    assert tool["dependencies"] == {"part": ">=1"}
    assert len(tool["hash"]["sha256"]) == 64
    conda_channel.package(channel, "part", "2.0")
    assert versions(ensure(spec(channel, "tool=1.0"), log, locked=True)) == {"tool": "1.0", "part": "1.0"}


def test_a_lock_that_no_longer_fits_is_told(
    channel: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(spec(channel, "tool=1.0"), log)
    edited = spec(channel, "tool=1.1")
    with pytest.raises(
        EnvError, match=r'conda-lock\.yml does not match .*: "tool=1.1" is not met by its tool'
    ) as e:
        ensure(edited, log, locked=True)
    assert e.value.hint == "update it with reprise lock"
    caplog.set_level(logging.INFO)
    assert versions(ensure(edited, log)) == {"tool": "1.1", "part": "1.0"}
    assert "resolved again" in caplog.text
    caplog.clear()
    assert versions(ensure(edited, log))["tool"] == "1.1"
    assert "resolved again" in caplog.text  # also when it is remembered
    with pytest.raises(EnvError, match="it has no package for"):
        ensure(spec(channel, "tool", "other"), log, locked=True)
    with pytest.raises(EnvError, match=r"conda\.yaml has changed since"):
        ensure(spec(channel, "tool>=1"), log, locked=True)


def test_locked_without_a_lock_is_an_error(channel: Path, log: Path) -> None:
    with pytest.raises(EnvError, match="--locked: there is no lock file next to"):
        ensure(spec(channel, "tool"), log, locked=True)


def test_a_new_lock_keeps_versions_but_for_what_is_upgraded(channel: Path, log: Path) -> None:
    write(spec(channel, "tool"), log, HERE, "osx-arm64")
    for subdir in (HERE, "osx-arm64"):
        conda_channel.package(channel, "tool", "2.0", depends=["part"], subdir=subdir)
        conda_channel.package(channel, "part", "2.0", subdir=subdir)

    def found(content: dict[str, Any]) -> set[tuple[str, str]]:
        assert content["metadata"]["platforms"] == [HERE, "osx-arm64"]
        return {(item["name"], item["version"]) for item in content["package"]}

    assert found(write(spec(channel, "tool"), log)) == {("tool", "1.1"), ("part", "1.0")}
    assert found(write(spec(channel, "tool"), log, upgrade=("part",))) == {("tool", "1.1"), ("part", "2.0")}
    assert found(write(spec(channel, "tool"), log, upgrade=())) == {("tool", "2.0"), ("part", "2.0")}
    with pytest.raises(UsageError, match='"nothing" is not in'):
        write(spec(channel, "tool"), log, upgrade=("nothing",))


def test_pip_section_is_locked_with_the_file_of_each_platform(index: Path, log: Path) -> None:
    asked = spec(conda_channel.shared(), "python", "greeter", pip=("alpha",))
    content = write(asked, log)
    pip = {item["name"]: item for item in content["package"] if item["manager"] == "pip"}
    assert set(pip) == {"alpha", "beta"}
    assert pip["beta"]["url"].endswith("/beta-2.0-py3-none-any.whl")
    wheels.make(index, "beta", "3.0")
    environment = ensure(asked, log, locked=True)
    assert versions(environment)["beta"] == "2.0"
    facts = json.loads(environment.lock.text)
    assert f"    --hash=sha256:{pip['beta']['hash']['sha256']}" in facts["requirements"]
    changed = asked._replace(pip=("alpha", "beta>=3"))
    with pytest.raises(EnvError, match=r'"beta>=3" of the pip section is not satisfied by its beta 2\.0'):
        ensure(changed, log, locked=True)


def test_no_secret_of_a_channel_is_in_a_lock(channel: Path, log: Path) -> None:
    with conda_channel.served(channel, token="tk-secret") as url:
        host = url.partition("://")[2]
        asked = spec(f"http://{host}/t/tk-secret/", "tool")
        environment = ensure(asked, log)
        write(asked, log)
    texts = (environment.lock.text, Path("conda-lock.yml").read_text(), log.read_text())
    assert not [text for text in texts if "tk-secret" in text]
    assert f"http://{host}/{HERE}/tool-1.1-0.conda" in environment.lock.text
    assert "tk-secret" not in (environment.prefix / "conda-meta" / "tool-1.1-0.json").read_text()


def test_the_token_of_the_project_travels_beside_its_lock(channel: Path, log: Path, house: Path) -> None:
    with conda_channel.served(channel, token="tk-secret") as url:
        environment = ensure(spec(f"{url}/t/tk-secret", "tool"), log)
        for path in (environment.prefix, house / "cache" / "conda-v1"):
            shutil.rmtree(path)
        assert store.from_lock(manager, environment.lock, Policy(), log).prefix.is_dir()
        shutil.rmtree(environment.prefix)
        shutil.rmtree(house / "cache" / "conda-v1")
        with pytest.raises(EnvError, match="cannot download"):
            store.from_lock(manager, environment.lock._replace(credentials=NO_CREDENTIALS), Policy(), log)


def test_the_token_in_a_lock_file_beside_the_project_is_found(channel: Path, log: Path) -> None:
    with conda_channel.served(channel, token="tk-secret") as url:
        asked = spec(url, f"{url}/t/tk-secret::tool")
        Path("conda-lock.yml").write_text(f"url: '{url}/t/tk-secret/{HERE}/tool-1.1-0.conda'\n")
        credentials = manager.read_credentials(asked)
    assert dict(credentials.channels) == {url: f"{url}/t/tk-secret"}


def test_the_token_of_a_lock_made_elsewhere_is_found_in_condarc(
    channel: Path, log: Path, house: Path
) -> None:
    with conda_channel.served(channel, token="tk-secret") as url:
        environment = ensure(spec(f"{url}/t/tk-secret", "tool"), log)
        bare = environment.lock._replace(credentials=NO_CREDENTIALS)
        (house / ".condarc").write_text(f"channels: [{url}/t/tk-secret]\n")
        for path in (environment.prefix, house / "cache" / "conda-v1"):
            shutil.rmtree(path)
        assert store.from_lock(manager, bare, Policy(), log).prefix.is_dir()


PIXI = """\
version: 6
environments:
  default:
    channels:
    - url: {channel}
    packages:
      {here}:
      - conda: {channel}/{here}/part-1.0-0.conda
      - conda: {channel}/{here}/tool-1.0-0.conda
      win-64: []
packages:
- conda: {channel}/{here}/part-1.0-0.conda
  sha256: {part}
- conda: {channel}/{here}/tool-1.0-0.conda
  sha256: {tool}
  depends:
  - part >=1
"""


def pixi_lock(channel: Path, url: str) -> None:
    listed = json.loads((channel / HERE / "repodata.json").read_text())["packages.conda"]
    hashes = {name: listed[f"{name}-1.0-0.conda"]["sha256"] for name in ("part", "tool")}
    Path("pixi.lock").write_text(PIXI.format(channel=url, here=HERE, **hashes))


def test_pixi_lock_is_used(channel: Path, log: Path) -> None:
    pixi_lock(channel, channel.as_uri())
    assert versions(ensure(spec(channel, "tool"), log, locked=True)) == {"tool": "1.0", "part": "1.0"}
    with pytest.raises(
        EnvError, match=r'pixi\.lock does not match .*"tool>=1\.1" is not met by its tool 1\.0'
    ):
        ensure(spec(channel, "tool>=1.1"), log, locked=True)


def test_pixi_lock_of_a_served_channel_with_a_pip_part(channel: Path, log: Path, index: Path) -> None:
    wheel = next(index.glob("beta-*.whl"))
    with conda_channel.served(channel) as url:
        pixi_lock(channel, url)
        text = Path("pixi.lock").read_text()
        text = text.replace("      win-64: []\n", f"      - pypi: https://files.example.org/{wheel.name}\n")
        text += f"- pypi: https://files.example.org/{wheel.name}\n  name: beta\n  version: '2.0'\n"
        text += f"  sha256: {'0' * 64}\n"
        Path("pixi.lock").write_text(text)
        lock = manager.lock(spec(url, "tool", pip=("beta",)), Policy(locked=True), log)
    assert json.loads(lock.text)["requirements"] == ["beta==2.0 \\", f"    --hash=sha256:{'0' * 64}"]


def test_newest_format_of_pixi_lock_is_read(channel: Path, log: Path) -> None:
    """Written by rattler itself, as newer tools do."""
    from rattler import LockChannel, LockFile, LockPlatform

    from reprise.envs.conda import records

    first = ensure(spec(channel, "tool=1.0"), log)
    platform = LockPlatform(HERE)
    made = LockFile([platform])
    made.set_channels("default", [LockChannel(channel.as_uri())])
    for record in records.read_lock(first.lock).records:
        made.add_conda_package("default", platform, records.to_rattler(record))
    made.to_path(Path("pixi.lock"))
    assert Path("pixi.lock").read_text().startswith("version: 7")
    assert versions(ensure(spec(channel, "tool"), log, locked=True)) == {"tool": "1.0", "part": "1.0"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("conda-lock.yml", "version: 9\n"),
        ("conda-lock.yml", "[1, 2"),
        ("pixi.lock", "version: 6\nenvironments: {}\npackages: []\n"),
        ("pixi.lock", "hello"),
    ],
)
def test_a_lock_that_cannot_be_read_is_named(name: str, text: str, channel: Path, log: Path) -> None:
    Path(name).write_text(text)
    with pytest.raises(EnvError, match=f"cannot read .*{name} as a lock file"):
        ensure(spec(channel, "tool"), log)


def test_a_lock_for_other_platforms_only_is_told(channel: Path, log: Path) -> None:
    write(spec(channel, "tool"), log, "osx-arm64")
    with pytest.raises(EnvError, match=f"it is for osx-arm64, not for {HERE}"):
        ensure(spec(channel, "tool"), log, locked=True)


FILES = {
    "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64": "01",
    "cp311-cp311-manylinux_2_99_x86_64": "02",
    "cp312-cp312-macosx_11_0_arm64": "03",
    "cp38-abi3-macosx_11_0_arm64": "04",
    "cp311-cp311-win_amd64": "05",
}


@pytest.mark.parametrize(
    ("platform", "python", "sha256"),
    [
        ("linux-64", "3.11.7", "01"),
        ("linux-64", "3.12.1", "00"),
        ("linux-aarch64", "3.11.7", "00"),
        ("osx-arm64", "3.11.7", "04"),
        ("osx-arm64", "3.12.1", "03"),
        ("win-64", "3.11.7", "05"),
    ],
)
def test_the_file_of_a_package_fits_the_platform(platform: str, python: str, sha256: str) -> None:
    wheels_listed = ", ".join(
        f'{{url = "https://host/fast-1.0-{tags}.whl", hashes = {{sha256 = "{value}"}}}}'
        for tags, value in FILES.items()
    )
    pylock = f"""
[[packages]]
name = "fast"
version = "1.0"
sdist = {{ url = "https://host/fast-1.0.tar.gz", hashes = {{ sha256 = "00" }} }}
wheels = [{wheels_listed}]
"""
    (found,) = pip_files.choose_files(pylock, python, platform, "2.28", Path.cwd())
    assert found.pin.head == "fast==1.0"
    assert found.pin.hashes == (f"sha256:{sha256}",)
