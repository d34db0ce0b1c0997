"""The door to rattler: its client with the user's settings, its caches, and waiting for it."""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reprise.envs.conda.channels import Settings
from reprise.paths import cache_dir

if TYPE_CHECKING:
    from rattler import Client, Gateway, GenericVirtualPackage

_T = TypeVar("_T")

FOLDER = "conda-v1"
_PAUSE = 0.02  # seconds
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

# What a machine of another platform is taken to have, where nothing else is known of it.
_SUPPOSED = {
    "linux": {"__unix": "0", "__linux": "4.18", "__glibc": "2.28"},
    "osx": {"__unix": "0", "__osx": "13.0"},
    "win": {"__win": "0"},
}


def unusable() -> str | None:
    """A sentence when rattler is not installed, or None."""
    import importlib.util

    if importlib.util.find_spec("rattler") is None:
        return "conda environments need py-rattler, which is not installed: pip install 'reprise-ml[conda]'"
    return None


def wait_for(work: Coroutine[Any, Any, _T], settings: Settings) -> _T:
    """The result of ``work``, also where an event loop is running already (in a notebook)."""
    import asyncio

    with _trust_bundle(settings):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return _settle_work(work)
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_settle_work, work).result()


def _settle_work(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of ``work``, with a pause for rattler's own threads.

    They release their results a moment after we get them. If the process ends before, for example after an
    error, it ends with a segmentation fault.
    """
    import asyncio

    try:
        return asyncio.run(work)
    finally:
        time.sleep(_PAUSE)


def cache_folder(name: str) -> Path:
    """A folder of the conda part of our cache."""
    return cache_dir() / FOLDER / name


def make_client(settings: Settings) -> Client:
    """Return a client with the user's proxies and trusted certificates."""
    from rattler import Client, Config

    config = Config()
    verify = settings["ssl_verify"]
    if str(verify).lower() in ("false", "no", "off", "0"):
        config.set("tls-no-verify", "true")
    elif _find_bundle(settings) or verify == "truststore":
        config.set("tls-root-certs", "system")
    for scheme, proxy in settings["proxy_servers"].items():
        if scheme in ("http", "https"):
            config.set(f"proxy-config.{scheme}", str(proxy))
    return Client.from_config(config)


def _find_bundle(settings: Settings) -> str | None:
    """The file of certificates that the user trusts, None for rattler's own."""
    told = settings["ssl_verify"]
    if isinstance(told, str) and Path(told).expanduser().is_file():
        return str(Path(told).expanduser())
    return next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), None)


@contextmanager
def _trust_bundle(settings: Settings) -> Iterator[None]:
    """Pass the user's certificates to rattler, which only reads a variable."""
    bundle, before = _find_bundle(settings), os.environ.get("SSL_CERT_FILE")
    if bundle is None:
        yield
        return
    os.environ["SSL_CERT_FILE"] = bundle
    try:
        yield
    finally:
        if before is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = before


def make_gateway(settings: Settings, *, offline: bool) -> Gateway:
    """Where the lists of packages come from; ``offline``: those that the cache has, however old."""
    from rattler import Gateway, SourceConfig

    source = SourceConfig(cache_action="force-cache-only" if offline else "cache-or-fetch")
    return Gateway(cache_folder("repodata"), default_config=source, client=make_client(settings))


def this_platform() -> str:
    """conda's word for this machine, or what ``CONDA_SUBDIR`` says instead."""
    from rattler import Subdir

    return os.environ.get("CONDA_SUBDIR") or str(Subdir.current())


def virtual_packages(platform: str) -> Sequence[GenericVirtualPackage]:
    """Return the virtual packages of a machine of ``platform``: this machine if it matches, else a typical
    one.

    ``CONDA_OVERRIDE_GLIBC``, ``_CUDA``, ``_OSX`` and similar variables override them.
    """
    from rattler import (
        BuildString,
        GenericVirtualPackage,
        PackageName,
        Subdir,
        Version,
        VirtualPackage,
        VirtualPackageOverrides,
    )

    if platform == str(Subdir.current()):
        return [found.into_generic() for found in VirtualPackage.detect(VirtualPackageOverrides.from_env())]
    supposed = dict(_SUPPOSED.get(platform.partition("-")[0], {}))
    for name in ("__glibc", "__linux", "__osx", "__cuda"):
        told = os.environ.get(f"CONDA_OVERRIDE_{name.strip('_').upper()}")
        if told and (name in supposed or name == "__cuda"):
            supposed[name] = told
    return [
        GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
        for name, version in supposed.items()
    ]
