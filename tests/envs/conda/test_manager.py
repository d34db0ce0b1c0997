"""conda: environments made without a conda, from a channel on this machine. All of it is real."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reprise.envs.cache import (
    checking,
    contents,
    inventory,
    store,
)
from reprise.envs.conda import manager
from reprise.errors import EnvError, ProjectError
from reprise.paths import cache_dir
from reprise.process import patched
from reprise.schemas.environment import CondaEnv, Environment, Policy
from reprise.schemas.job import Command
from tests.envs import conda_channel, wheels

pytestmark = [pytest.mark.usefixtures("index"), pytest.mark.slow]


def spec(*dependencies: str, channels: tuple[str, ...] = (), **fields: Any) -> CondaEnv:
    root = Path.cwd()
    where = channels or (conda_channel.shared(),)
    return CondaEnv(root, root / "conda.yaml", "demo", where, dependencies, **fields)


def ensure(spec: CondaEnv, log: Path, **policy: Any) -> Environment:
    return store.ensure_environment(manager, spec, Policy(**policy), log)


def run(environment: Environment, *argv: str, environ: dict[str, str] | None = None) -> str:
    """What a command says inside; its own environment variables come from ``environ``."""
    command = manager.enter(environment, Command(argv, tuple((environ or {}).items()), Path.cwd()))
    done = subprocess.run(
        command.argv,
        env=patched(os.environ, dict(command.environ)),
        cwd=command.cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def locked(environment: Environment) -> dict[str, dict[str, Any]]:
    return {package["name"]: package for package in json.loads(environment.lock.text)["packages"]}


def hashes(prefix: Path) -> dict[str, str]:
    """Every file of an environment but compiled modules, and what says when or from where it was made."""
    return {
        path.relative_to(prefix).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in prefix.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("reprise-env.")
    }


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A channel of this test alone, with one small package."""
    channel = tmp_path / "channel"
    conda_channel.package(channel, "tool", files={"bin/tool": "#!/bin/sh\necho tool 1.0\n"})
    return channel


def test_python_packages_and_entry_points_work(log: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    environment = ensure(spec("python", "greeter=1.0"), log)
    assert run(environment, "greet") == f"hello 1.0 {environment.prefix}\n"
    code = "import ssl, sqlite3, sys; print(sys.prefix, sys.version.split()[0])"
    version = ".".join(map(str, sys.version_info[:3]))
    assert run(environment, "python", "-c", code) == f"{environment.prefix} {version}\n"
    assert re.search(r"Resolved 3 conda packages in \d+\.\d s", caplog.text)
    assert re.search(r"Installed 3 conda packages in \d+\.\d s", caplog.text)
    assert "greeter" in log.read_text()


def test_lock_says_all_that_is_installed(log: Path) -> None:
    environment = ensure(spec("greeter"), log)
    found = locked(environment)
    assert set(found) == {"greeter", "pip", "python"}  # Python brings pip, as conda has it
    assert found["greeter"]["noarch"] == "python"
    assert found["greeter"]["url"].endswith("/noarch/greeter-1.1-0.conda")
    assert all(len(package["sha256"]) == 64 and len(package["md5"]) == 32 for package in found.values())
    packages = manager.packages(environment.lock)
    assert [(package.name, package.kind) for package in packages] == [
        ("python", "python"),
        ("greeter", "conda"),
        ("pip", "conda"),
    ]
    assert packages[0].build == "h0_0_cpython"
    assert packages[1].hashes == (f"sha256:{found['greeter']['sha256']}",)


def test_build_strings_and_versions_are_obeyed(own: Path, log: Path) -> None:
    for build in ("cpu_0", "gpu_1"):
        conda_channel.package(own, "engine", "2.0", {"share/engine": build}, build=build)
    channels = (own.as_uri(),)
    assert locked(ensure(spec("engine", channels=channels), log))["engine"]["build"] == "gpu_1"
    for written in ("engine=2.0=cpu_0", "engine 2.* cpu*", "engine[version='>=1', build='cpu_0']"):
        assert locked(ensure(spec(written, channels=channels), log))["engine"]["build"] == "cpu_0"


def test_same_lock_makes_the_same_files_after_the_cache_is_gone(log: Path) -> None:
    asked = spec("python", "greeter", "activated", pip=("alpha",))
    first = ensure(asked, log)
    before = hashes(first.prefix)
    assert len(before) > 500
    shutil.rmtree(cache_dir())
    again = store.from_lock(manager, first.lock, Policy(), log)
    assert again.prefix == first.prefix
    assert hashes(again.prefix) == before


def test_known_project_neither_solves_nor_imports_the_solver(own: Path, log: Path) -> None:
    asked = spec("tool", channels=(own.as_uri(),))
    first = ensure(asked, log)
    script = f"""
import sys
from pathlib import Path
from reprise.envs.conda import manager as conda; from reprise.envs.cache import store
from reprise.schemas.environment import CondaEnv, Policy
root = Path.cwd()
asked = CondaEnv(root, root / "conda.yaml", "demo", ({own.as_uri()!r},), ("tool",))
environment = store.ensure_environment(conda, asked, Policy(), Path({str(log)!r}))
assert str(environment.prefix) == {str(first.prefix)!r}
assert not {{"rattler", "yaml", "asyncio"}} & set(sys.modules), "it was not as cheap as it could be"
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_new_version_in_the_channel_waits_for_an_upgrade(own: Path, log: Path) -> None:
    asked = spec("tool", channels=(own.as_uri(),))
    first = ensure(asked, log)
    conda_channel.package(own, "tool", "2.0")
    assert ensure(asked, log) == first
    assert locked(ensure(asked, log, upgrade=()))["tool"]["version"] == "2.0"
    assert locked(ensure(asked, log))["tool"]["version"] == "2.0"


def test_as_of_counts_the_time_of_the_build_whenever_a_mirror_was_indexed(own: Path, log: Path) -> None:
    for version, date in (("2.0", "2024-02-01"), ("3.0", "2025-02-01")):
        conda_channel.package(own, "tool", version, date=date, indexed="2026-01-01T00:00:00+00:00")
    asked = spec("tool", channels=(own.as_uri(),))
    assert locked(ensure(asked, log, as_of="2024-06-01T00:00:00+02:00"))["tool"]["version"] == "2.0"
    assert locked(ensure(asked, log))["tool"]["version"] == "3.0"
    with pytest.raises(EnvError, match='no channel has a package "tool" that is as old as 2001'):
        ensure(asked, log, as_of="2001-01-01T00:00:00+00:00")


def test_as_of_counts_for_the_pip_section_too(
    log: Path, dated_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name)
    asked = spec("python", "greeter", pip=("beta", "greeter"))
    environment = ensure(asked, log, as_of="2022-06-01T00:00:00+00:00")
    code = "import beta, greeter; print(beta.__version__, greeter.__version__)"
    assert run(environment, "python", "-c", code) == "2.0 1.0\n"


# The pip section


def test_pip_section_goes_on_top_of_conda(log: Path) -> None:
    Path("requirements.txt").write_text("alpha\n-c limits.txt\n")
    Path("limits.txt").write_text("beta==2.0\n")
    environment = ensure(spec("python", "greeter", pip=("-r requirements.txt",)), log)
    code = "import alpha, beta, greeter; print(alpha.__version__, beta.__version__, greeter.__version__)"
    assert run(environment, "python", "-c", code) == "1.0 2.0 1.1\n"
    assert [(found.name, found.kind) for found in manager.packages(environment.lock)][1:3] == [
        ("alpha", "pypi"),
        ("beta", "pypi"),
    ]
    Path("limits.txt").write_text("beta<1\n")
    with pytest.raises(EnvError, match=r"cannot resolve the pip section of .*conda\.yaml"):
        ensure(spec("python", "greeter", pip=("-r requirements.txt",)), log)


def test_conda_wins_what_it_installs(index: Path, log: Path) -> None:
    wheels.make(index, "greeter", "9.0")
    wheels.make(index, "needs-greeter", "1.0", requires=["greeter"])
    environment = ensure(spec("python", "greeter=1.0", pip=("needs-greeter", "greeter")), log)
    assert run(environment, "python", "-c", "import greeter; print(greeter.__version__)") == "1.0\n"
    assert "greeter==" not in environment.lock.text.replace("needs-greeter==", "")
    with pytest.raises(EnvError, match="greeter") as caught:
        ensure(spec("python", "greeter=1.0", pip=("greeter>=9",)), log)
    assert "conda installs greeter 1.0" in (caught.value.hint or "")


def test_pip_section_alone_gets_a_python(log: Path) -> None:
    environment = ensure(spec(pip=("alpha",)), log)
    assert run(environment, "python", "-c", "import alpha; print(alpha.__version__)") == "1.0\n"


def test_missing_requirements_file_is_told_before_a_run() -> None:
    with pytest.raises(ProjectError, match=r"nowhere\.txt"):
        manager.takes(spec("python", pip=("-r nowhere.txt",)))


# What goes wrong


@pytest.mark.parametrize(
    ("dependencies", "message", "hint"),
    [
        (("greter",), 'no channel has a package "greter" for .* .required by "greter"', 'mean "greeter"?'),
        (("quux >=2",), 'no channel has a package "quux"', "pip section"),
        (("greeter=7",), r'nothing satisfies "greeter=7" on .*; there are 1.1, 1.0', "require one of"),
        (("greeter=1=py38",), r'nothing satisfies "greeter=1=py38".* 1.1=0, 1.0=0', "without the build"),
        (("clash", "greeter>=1.1"), r"(?s)in conflict.*clash.*greeter ==1.0", "relax"),
        (("future",), r"(?s)in conflict.*__glibc >=99", "this machine has __glibc"),
        (("python==",), 'conda.yaml: "python==" is not a conda match spec', "for example numpy"),
    ],
)
def test_what_cannot_be_solved_names_the_spec(
    dependencies: tuple[str, ...], message: str, hint: str, log: Path
) -> None:
    if "future" in dependencies and sys.platform != "linux":
        return
    with pytest.raises(EnvError, match=message) as caught:
        ensure(spec(*dependencies), log)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("file:///nowhere/channel", "there is no channel at file:///nowhere/channel"),
        ("./missing", "there is no channel .*at file:///.*/missing"),
        ("http://user:secret@127.0.0.1:9/t/tk-1/team", "cannot reach channel http://127.0.0.1:9/team"),
    ],
)
def test_what_is_no_channel_is_named_without_its_secrets(channel: str, message: str, log: Path) -> None:
    with pytest.raises(EnvError, match=message) as caught:
        ensure(spec("python", channels=(channel,)), log)
    told = caught.value.message + (caught.value.hint or "")
    assert "secret" not in told
    assert "tk-1" not in told


def test_error_from_an_unreachable_channel_is_the_end_of_the_process(log: Path) -> None:
    """rattler's threads once ended such a process with a segmentation fault."""
    script = """
from pathlib import Path
from reprise.envs.conda import manager as conda
from reprise.errors import EnvError
from reprise.schemas.environment import CondaEnv, Policy
asked = CondaEnv(Path(), Path("conda.yaml"), None, ("http://127.0.0.1:9/c",), ("python",))
try:
    conda.lock(asked, Policy(), Path("log"))
except EnvError as error:
    raise SystemExit(4)
"""
    several = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [process.wait() for process in several] == [4, 4, 4]


def test_tampered_package_in_the_channel_is_refused(own: Path, log: Path) -> None:
    first = ensure(spec("tool", channels=(own.as_uri(),)), log)
    shutil.rmtree(cache_dir())
    path = own / conda_channel.HERE / "tool-1.0-0.conda"
    path.write_bytes(path.read_bytes().replace(b"metadata", b"metadatA", 1))
    with pytest.raises(EnvError, match=r"tool 1\.0 \(0\) does not match the lock: .*-0\.conda has sha256"):
        store.from_lock(manager, first.lock, Policy(), log)
    assert not first.prefix.exists()
    path.unlink()
    with pytest.raises(EnvError, match=r"tool 1\.0 \(0\) is no longer in its channel"):
        store.from_lock(manager, first.lock, Policy(), log)


def test_files_that_a_package_writes_itself_do_not_keep_it_from_being_made_again(
    own: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A check compares contents: its rebuild finds the same, and that is no damage then."""
    script = '#!/bin/sh\necho more > "$PREFIX/share/mutex"\n'
    files = {"share/mutex": "1234\n", "bin/._mutex-post-link.sh": script}
    conda_channel.package(own, "_mutex", files=files)
    made = ensure(spec("_mutex", channels=(own.as_uri(),)), log)
    (made.prefix / "share" / "mutex").write_text("6666\n")
    (entry,) = inventory.list_entries()
    assert checking.check_entry(entry)
    assert store.from_lock(manager, made.lock, Policy(), log).prefix == made.prefix
    (entry,) = inventory.list_entries()
    assert checking.check_entry(entry) == []


def test_damaged_package_in_the_cache_is_not_linked(
    own: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Environments share files with the cache: a script that writes to its own writes to all."""
    for name in ("another", "zebra"):
        conda_channel.package(own, name, files={f"share/{name}": "1\n"})
    first = ensure(spec("tool", "another", "zebra", channels=(own.as_uri(),)), log)
    tool = first.prefix / "bin" / "tool"
    tool.write_text("#!/bin/sh\necho tool 6.6\n")
    shutil.rmtree(first.prefix)
    second = store.from_lock(manager, first.lock, Policy(), log)
    assert run(second, "tool") == "tool 1.0\n"
    assert "tool 1.0 (0) in the cache was changed: bin/tool" in caplog.text


def test_offline_takes_what_is_in_the_cache_and_names_what_is_not(own: Path, log: Path) -> None:
    with conda_channel.served(own) as url:
        first = ensure(spec("tool", channels=(url,)), log)
        shutil.rmtree(first.prefix)
        shutil.rmtree(cache_dir() / "locks-v1")
        assert ensure(spec("tool", channels=(url,)), log, offline=True) == first
        shutil.rmtree(first.prefix)
        shutil.rmtree(cache_dir() / "conda-v1" / "pkgs")
        with pytest.raises(EnvError, match=r"tool 1\.0 \(0\) is not in the cache, and --offline"):
            ensure(spec("tool", channels=(url,)), log, offline=True)
        shutil.rmtree(cache_dir())
        with pytest.raises(EnvError, match="is not in the cache, and --offline fetches nothing"):
            ensure(spec("tool", channels=(url,)), log, offline=True)


def test_packages_of_a_served_channel_are_checked_and_named_by_their_address(own: Path, log: Path) -> None:
    with conda_channel.served(own) as url:
        environment = ensure(spec("tool", channels=(url,)), log)
        assert run(environment, "tool") == "tool 1.0\n"
        record = json.loads((environment.prefix / "conda-meta" / "tool-1.0-0.json").read_text())
        assert record["url"] == locked(environment)["tool"]["url"]
        assert record["url"] == f"{url}/{conda_channel.HERE}/tool-1.0-0.conda"
        assert not list((cache_dir() / "conda-v1" / "downloads").iterdir())
        shutil.rmtree(cache_dir())
        path = own / conda_channel.HERE / "tool-1.0-0.conda"
        path.write_bytes(path.read_bytes() + b"\0")
        with pytest.raises(EnvError, match=r"tool 1\.0 \(0\) does not match the lock"):
            store.from_lock(manager, environment.lock, Policy(), log)


def test_lock_of_another_machine_is_refused(log: Path, own: Path) -> None:
    environment = ensure(spec("tool", channels=(own.as_uri(),)), log)
    text = environment.lock.text.replace(f'"platform": "{conda_channel.HERE}"', '"platform": "win-64"')
    with pytest.raises(EnvError, match="is for win-64, and this machine is"):
        store.from_lock(manager, environment.lock._replace(text=text), Policy(), log)


# Being inside


def test_activation_scripts_take_effect_at_the_moment_of_the_command(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = ensure(spec("activated", variables=(("OF_FILE", "x $y"),)), log)
    outside = {"OUTER_TOO": "outer", "UNWANTED": "1", "VIRTUAL_ENV": "/v", "PYTHONHOME": "/h"}
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    names = [
        "FIRST",
        "SECOND",
        "OUTER_TOO",
        "KEPT",
        "OF_FILE",
        "CONDA_DEFAULT_ENV",
        "CONDA_SHLVL",
        *list(outside)[1:],
        "OWN",
    ]
    script = 'for name in "$@"; do printf "%s=%s\\n" "$name" "${!name-unset}"; done; where'
    values = "a 'b' \"c\" $d ; e\n"
    out = run(environment, "bash", "-c", script, "bash", *names, environ={"OWN": values})
    prefix = environment.prefix
    assert out == (
        f"FIRST={prefix}/share\nSECOND=after {prefix}/share\nOUTER_TOO=inner:outer\n"
        "KEPT=in a file; $HOME\nOF_FILE=x $y\nCONDA_DEFAULT_ENV=demo\nCONDA_SHLVL=1\nUNWANTED=unset\n"
        f"VIRTUAL_ENV=unset\nPYTHONHOME=unset\nOWN={values}\n{prefix}/share\n"
    )
    assert run(environment, "printf", "%s", values) == values


def test_variables_of_conda_env_config_are_there(own: Path, log: Path) -> None:
    environment = ensure(spec("tool", channels=(own.as_uri(),)), log)
    state = {"env_vars": {"STATE": "kept", "GONE": "***unset***"}}
    (environment.prefix / "conda-meta" / "state").write_text(json.dumps(state))
    out = run(environment, "bash", "-c", 'echo "$STATE ${GONE-unset}"', environ={"GONE": "outer"})
    assert out == "kept unset\n"


def test_scripts_of_a_package_run_when_it_is_linked(
    own: Path, log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = '#!/bin/sh\necho "linked $PKG_NAME" | tee "$PREFIX/made-by-script"\n'
    conda_channel.package(own, "scripted", files={"bin/.scripted-post-link.sh": script})
    environment = ensure(spec("scripted", channels=(own.as_uri(),)), log)
    assert (environment.prefix / "made-by-script").read_text() == "linked scripted\n"
    assert capfd.readouterr().out == ""  # stdout is for data


def test_packages_of_the_users_home_are_not_seen(house: Path, log: Path) -> None:
    environment = ensure(spec("python"), log)
    assert run(environment, "python", "-c", "import site; print(site.ENABLE_USER_SITE)") == "False\n"


# Two at once, and killed


MAKE = """
import sys
from pathlib import Path
from reprise.envs.conda import manager as conda; from reprise.envs.cache import store
from reprise.schemas.environment import CondaEnv, Policy
root = Path.cwd()
asked = CondaEnv(root, root / "conda.yaml", "demo", (sys.argv[1],), ("python", "greeter"), ("alpha",))
print(store.ensure_environment(conda, asked, Policy(), Path(sys.argv[2])).prefix)
"""


def test_two_processes_at_once_make_one_environment(log: Path) -> None:
    argv = [sys.executable, "-c", MAKE, conda_channel.shared(), str(log)]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {process.communicate()[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(told) == 1
    assert (cache_dir() / "envs-v1").is_dir()
    assert log.read_text().count("installing into") == 1


@pytest.mark.parametrize("stage", ["pkgs", "prefix", "pip"])
def test_killed_while_making_is_made_whole_by_the_next(stage: str, log: Path) -> None:
    argv = [sys.executable, "-c", MAKE, conda_channel.shared(), str(log)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, start_new_session=True)
    seen = {
        "pkgs": "conda-v1/pkgs/python*/lib",
        "prefix": "envs-v1/*/lib",
        "pip": "envs-v1/*/conda-meta/python*",
    }
    while process.poll() is None and not list(cache_dir().glob(seen[stage])):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    environment = ensure(spec("python", "greeter", pip=("alpha",)), log)
    code = "import alpha, greeter, json, ssl; print(greeter.__version__)"
    assert run(environment, "python", "-c", code) == "1.1\n"
    assert list(contents.find_damage(environment.prefix, hashes=True)) == []
