"""A command becomes ``docker run``: an argv from end to end, and values by way of the environment.

A value is never part of an argv, which every user of the machine can read: ``--env NAME`` makes the client
take it from its own environment. Variables that affect the client itself (PATH, DOCKER_HOST, proxies) are
passed under another name, and renamed inside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from urllib.parse import unquote, urlsplit, urlunsplit

from reprise.envs.base import OBSERVER_VARIABLE
from reprise.envs.docker import client
from reprise.envs.docker import files as docker_files
from reprise.envs.docker.files import CODE, HOME, Owner
from reprise.envs.docker.images import Image
from reprise.errors import EnvError, ProjectError, UsageError
from reprise.process import patched
from reprise.schemas.environment import DockerEnv
from reprise.schemas.job import Command

JOB_LABEL = "reprise.job"
RUN_LABEL = "reprise.run"

_HOST = "host.docker.internal"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_ALIAS = "REPRISE_PASSED_"
_OF_THE_CLIENT = re.compile(
    r"(DOCKER|LD|DYLD|SSL|SSH|XDG|GO|OTEL|BUILDKIT)[A-Z0-9_]*|PATH|HOME|TMPDIR|DEBUG|USER|\w*_proxy",
    re.IGNORECASE,
)
_OF_THIS_MACHINE = {"REPRISE_STORE", "REPRISE_ENV_MANAGER", "MLFLOW_TMP_DIR"}
"""Of the variables that a job gets, those that mean nothing in a container."""
_CERTIFICATES = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_BASH_OR_SH = 'shell=sh; command -v bash >/dev/null 2>&1 && shell=bash; exec "$shell" "$@"'
_SEARCH_PATH = (
    f'[ -z "${OBSERVER_VARIABLE}" ] || '
    f'export PYTHONPATH="${OBSERVER_VARIABLE}${{PYTHONPATH:+:$PYTHONPATH}}"; '
)
"""What the image says of PYTHONPATH is known inside alone."""
_SET_BY_US = {
    *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"),
}
"""Variables of the run's processes, which the host need not have."""
_DETACHING = {"d", "detach"}
_MEANINGS = (
    (125, "docker could not start the container"),
    (126, "a program of the command cannot be executed in the container"),
    (127, "a program of the command is not in the container"),
    (137, "the container was killed (out of memory?)"),
)


def check_spec(spec: DockerEnv) -> None:
    """Refuse what can be known to fail.

    Raises:
        UsageError: an ``-A`` that is not an option.
        ProjectError: a variable or volume that cannot be.
        EnvError: variables that the project expects are not set.
    """
    for name in spec.arguments:
        if not _OPTION.fullmatch(name):
            raise UsageError(
                f'-A: "{name}" is not an option of docker run',
                hint="write -A memory=1g for --memory 1g, -A tty for --tty",
            )
    if detaching := _DETACHING & spec.arguments.keys():
        raise UsageError(
            f"-A {detaching.pop()}: the run would end before its container",
            hint="use reprise run --no-wait to run it in the background",
        )
    names = [item if isinstance(item, str) else item[0] for item in spec.environment]
    for name in names:
        if not name or "=" in name or (_OF_THE_CLIENT.fullmatch(name) and not _IDENTIFIER.fullmatch(name)):
            raise ProjectError(f'docker_env -> environment: "{name}" is not a variable name')
    copied = [item for item in spec.environment if isinstance(item, str)]
    missing = [name for name in copied if name not in os.environ and name not in _SET_BY_US]
    if missing:
        raise EnvError(
            f"the project expects variables that are not set: {', '.join(missing)}",
            hint="docker_env -> environment copies them from where reprise runs; set them there",
        )
    for volume in spec.volumes:
        _expand_volume(spec.root, volume)


def container_owner() -> Owner:
    """Who we are inside. In a rootless engine, root inside is who we are outside."""
    return Owner(0, 0) if client.describe_engine().rootless else Owner(os.getuid(), os.getgid())


def network_of(spec: DockerEnv) -> str:
    """The network that the container is put on."""
    named = spec.arguments.get("network", spec.arguments.get("net", "bridge"))
    return "bridge" if named in (True, "default") else str(named)


def wrap_command(spec: DockerEnv, image: Image, command: Command) -> Command:
    """``command`` as it runs in a container of ``image``; the container of its files is made.

    Raises:
        EnvError: docker refused that.
    """
    patch = dict(command.environ)
    job = patch.get("REPRISE_JOB") or os.urandom(8).hex()
    name, files = str(spec.arguments.get("name", f"reprise-{job}")), f"reprise-{job}-files"
    labels = [f"--label={JOB_LABEL}={job}", f"--label={RUN_LABEL}={patch.get('MLFLOW_RUN_ID') or ''}"]
    whose = container_owner()
    inside = _make_environment(spec, patch, whose)
    mounts = _list_mounts(spec, inside)
    project = None if image.built else command.cwd.absolute()
    overlay = client.describe_engine().shares_files
    aliases = {variable: f"{_ALIAS}{variable}" for variable in inside if _OF_THE_CLIENT.fullmatch(variable)}
    passed = {aliases.get(variable, variable): value for variable, value in inside.items()}
    argv = (
        *(client.PROGRAM, "run", "--rm", "--init", f"--name={name}", *labels),
        *(f"--user={whose}", *_list_groups(whose), f"--workdir={CODE}", *_reaching_us(spec)),
        *docker_files.make_container(files, image.id, labels, whose, project, overlay=overlay),
        *mounts,
        *(f"--env={variable}" for variable in passed),
        *_list_arguments(spec.arguments),
        image.id,
        *_wrap_in_shell(command.argv, aliases),
    )
    environ = (*command.environ, *passed.items())
    release = (client.PROGRAM, "rm", "--force", "--volumes", name, files)
    return Command(argv, environ, command.cwd, release, _MEANINGS)


def variables_inside(command: Command) -> dict[str, str]:
    """What :func:`wrap_command` gives the container, beside what its image says."""
    given = dict(command.environ)
    names = (text.removeprefix("--env=") for text in command.argv if text.startswith("--env="))
    values = {name.removeprefix(_ALIAS): given.get(name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _make_environment(spec: DockerEnv, patch: Mapping[str, str | None], whose: Owner) -> dict[str, str]:
    """What the process inside finds in its environment, beside what the image says.

    What makes the run's own logging work is not the project's to change.
    """
    copied = [item for item in spec.environment if isinstance(item, str) and item in os.environ]
    asked = {name: os.environ[name] for name in copied}
    asked |= dict(item for item in spec.environment if not isinstance(item, str))
    settings = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    home = {"HOME": HOME} if whose.uid else {}
    inside = patched({**home, **settings, **asked, "TINI_KILL_PROCESS_GROUP": "1"}, patch)
    for name in _OF_THIS_MACHINE:
        inside.pop(name, None)
    uri = inside.get("MLFLOW_TRACKING_URI", "")
    if _is_loopback(uri) and _is_apart(spec):
        inside["MLFLOW_TRACKING_URI"] = uri = _with_host(uri, _HOST)
    if uri != settings.get("MLFLOW_TRACKING_URI") or _is_loopback(uri):
        inside |= _around_proxies(inside, urlsplit(uri).hostname)
    return inside


def _around_proxies(inside: Mapping[str, str], host: str | None) -> dict[str, str]:
    """Return settings that exclude ``host``, which is this machine, from the proxies inside.

    The client passes its own proxy settings, and keeps their exceptions only if we set none.
    """
    proxies = client.read_proxies()
    if not (proxies or any(name.lower().endswith("_proxy") for name in inside)):
        return {}
    given = inside.get("no_proxy") or inside.get("NO_PROXY") or proxies.get("noProxy", "")
    return dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, (given, host))))


def _list_mounts(spec: DockerEnv, inside: Mapping[str, str]) -> list[str]:
    """What of this machine is seen inside, each under its own path but for the project's volumes."""
    mounts = [f"--volume={_expand_volume(spec.root, volume)}" for volume in spec.volumes]
    for folder in (Path(text.partition("=")[2].partition(":")[0]) for text in mounts):
        if folder.is_absolute():
            _make_folder(folder)  # or else the engine makes it, and root owns it
    read = [*spec.inputs, *(Path(inside[name]) for name in _CERTIFICATES if name in inside)]
    mounts += [
        docker_files.mount_argument(
            "type=bind", f"src={path.absolute()}", f"dst={path.absolute()}", "readonly"
        )
        for path in dict.fromkeys(read)
    ]
    if (store := _local_store(inside.get("MLFLOW_TRACKING_URI", ""))) is not None:
        mounts.append(docker_files.mount_argument("type=bind", f"src={store}", f"dst={store}"))
    return mounts


def _expand_volume(root: Path, text: str) -> str:
    """Return ``text`` with variables, ``~`` and relative paths expanded; a bare name stays a named volume.

    Raises:
        ProjectError: a variable in it is not set.
    """
    expanded = Template(text).safe_substitute({**os.environ, "PWD": str(root.absolute())})
    if "$" in expanded:
        raise ProjectError(f'docker_env -> volumes: "{text}" contains a variable that is not set')
    source, colon, rest = expanded.partition(":")
    if not colon or not (source.startswith((".", "~")) or "/" in source):
        return expanded
    return f"{os.path.normpath(root.absolute() / Path(source).expanduser())}:{rest}"


def _make_folder(path: Path) -> None:
    try:
        if not path.exists():
            path.mkdir(parents=True)
    except OSError as error:
        raise EnvError(f"docker_env -> volumes: cannot create {path}: {error.strerror}") from error


def _local_store(uri: str) -> Path | None:
    """The folder of a store that is a file or folder of this machine."""
    parts = urlsplit(uri)
    if parts.scheme == "sqlite":
        return Path(uri.removeprefix("sqlite:///")).absolute().parent
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(uri) if uri.startswith("/") else None


def _list_groups(whose: Owner) -> Iterator[str]:
    """Our other groups: what they may read here they may read there."""
    if whose.uid:
        yield from (f"--group-add={group}" for group in os.getgroups() if group != whose.gid)


def _is_apart(spec: DockerEnv) -> bool:
    """Whether the container has a loopback of its own, and names that we may add to."""
    return network_of(spec) != "host" and not network_of(spec).startswith("container:")


def _reaching_us(spec: DockerEnv) -> list[str]:
    return [f"--add-host={_HOST}:host-gateway"] if _is_apart(spec) and network_of(spec) != "none" else []


def _is_loopback(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK


def _with_host(uri: str, host: str) -> str:
    parts = urlsplit(uri)
    userinfo, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{userinfo}{at}{host}{port}"))


def _list_arguments(given: Mapping[str, str | bool]) -> Iterator[str]:
    """``-A`` as options of ``docker run``."""
    for name, value in given.items():
        text = str(value).lower() if isinstance(value, bool) else value
        if len(name) > 1:
            yield f"--{name}" if value is True else f"--{name}={text}"
        else:
            yield from [f"-{name}"] if value is True else [f"-{name}", text]


def _wrap_in_shell(argv: Iterable[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """``argv`` behind a shell of the image, which names the variables as they were meant.

    An image without bash does what it can with the sh that it has.
    """
    shell, *rest = argv
    naming = _SEARCH_PATH + "".join(
        f'export {name}="${alias}"; unset {alias}; ' for name, alias in aliases.items()
    )
    if shell == "bash":
        return ("sh", "-c", f"{naming}{_BASH_OR_SH}", "sh", *rest)
    return ("sh", "-c", f'{naming}exec "$@"', "sh", shell, *rest)
