"""Locked conda packages, linked into a prefix by rattler: here, or for a place in an image."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from reprise.envs.conda import (
    channels,
    packages,
)
from reprise.envs.conda import (
    rattler as conda_rattler,
)
from reprise.envs.conda import (
    records as conda_records,
)
from reprise.envs.conda.channels import Settings
from reprise.envs.conda.records import CondaLock, CondaRecord
from reprise.errors import EnvError
from reprise.file_lock import arriving_folder
from reprise.paths import make_folders
from reprise.progress import spinner
from reprise.schemas.environment import Credentials, Policy

logger = logging.getLogger(__name__)

_GLIBC = "__glibc"


def install_packages(
    lock: CondaLock, credentials: Credentials, prefix: Path, policy: Policy, log: Path
) -> None:
    """Fill ``prefix`` with the conda packages of ``lock``, each checked against its hash.

    Raises:
        EnvError: a package is not available, does not match the lock, or does not work on this machine.
    """
    _refuse_other_machine(lock)
    _fill_prefix(lock, credentials, prefix, policy, log)


def stage_packages(
    lock: CondaLock,
    credentials: Credentials,
    folder: Path,
    place: str,
    glibc: str,
    policy: Policy,
    log: Path,
) -> None:
    """Fill ``folder`` with the files for ``place`` on a machine with this C library.

    Link scripts of packages are not run, with a warning. The result does not depend on place or time:
    conda's own records and compiled modules are left out.

    Raises:
        EnvError: as :func:`install_packages`; or it does not work there.
    """
    _refuse_other_platform(lock)
    needs = [need for need in conda_records.machine_needs(lock.records) if need.split()[0] == _GLIBC]
    _refuse_unmet(needs, {_GLIBC: (glibc, "0")}, "the image")
    _fill_prefix(lock, credentials, folder, policy, log, place)
    scripts = [path.name[1:].removesuffix("-post-link.sh") for path in folder.glob("bin/.*-post-link.sh")]
    if scripts:
        logger.warning("The install script of %s is not run", ", ".join(sorted(scripts)))
    (folder / "CACHEDIR.TAG").unlink(missing_ok=True)
    for made in (folder / "conda-meta", *list(folder.rglob("__pycache__"))):
        shutil.rmtree(made)


def _fill_prefix(
    lock: CondaLock,
    credentials: Credentials,
    prefix: Path,
    policy: Policy,
    log: Path,
    place: str | None = None,
) -> None:
    settings = channels.read_settings(os.environ)
    known = channels.with_settings(credentials, settings, prefix)
    started = monotonic()
    _write_note(log, lock.records, prefix)
    conda_rattler.wait_for(_install_records(lock.records, known, prefix, settings, policy, place), settings)
    seconds = monotonic() - started
    logger.info("Installed %d conda packages in %.1f s", len(lock.records), seconds)


async def _install_records(
    records: Sequence[CondaRecord],
    credentials: Credentials,
    prefix: Path,
    settings: Settings,
    policy: Policy,
    place: str | None,
) -> None:

    import rattler
    from rattler import PackageCache
    from rattler.exceptions import InstallerError, LinkError

    folder, downloads = conda_rattler.cache_folder("pkgs"), conda_rattler.cache_folder("downloads")
    for each in (folder, downloads):
        make_folders(each)
    cache = PackageCache(folder)
    client = conda_rattler.make_client(settings)
    with arriving_folder(downloads) as own:
        archives = await packages.provide_archives(
            records,
            cache,
            client,
            credentials,
            own,
            offline=policy.offline,
            folder_of_archives=policy.packages,
        )
        found = [
            conda_records.to_rattler(record, archives[record].as_uri() if record in archives else None)
            for record in records
        ]
        try:
            with spinner(f"Linking {len(records)} conda packages"):
                await rattler.install(
                    found,
                    prefix,
                    installed_packages=[],
                    # As conda does; some packages do not work without theirs.
                    execute_link_scripts=place is None,
                    alternative_target_prefix=place,
                    show_progress=False,
                    client=client,
                    package_cache=cache,
                )
        except (InstallerError, LinkError) as error:
            raise _explain_failure(prefix, error) from error
    _name_origins((record for record, path in archives.items() if path.as_uri() != record.url), prefix)


def _name_origins(records: Iterable[CondaRecord], prefix: Path) -> None:
    """Let conda's own record of each package say where it is from, and not where we had put it."""
    for record in records:
        path = prefix / "conda-meta" / f"{record.name}-{record.version}-{record.build}.json"
        facts = json.loads(path.read_bytes())
        facts["url"] = record.url
        path.write_text(json.dumps(facts, indent=2), encoding="utf-8")


def _refuse_other_machine(lock: CondaLock) -> None:
    _refuse_other_platform(lock)
    needs = conda_records.machine_needs(lock.records)
    if needs:
        found = conda_rattler.virtual_packages(conda_records.current_platform())
        has = {one.name.normalized: (str(one.version), str(one.build_string)) for one in found}
        _refuse_unmet(needs, has, "this machine")


def _refuse_other_platform(lock: CondaLock) -> None:
    here = conda_records.current_platform()
    if lock.platform != here:
        raise EnvError(f"the environment is for {lock.platform}, and this machine is {here}")


def _refuse_unmet(needs: Iterable[str], has: Mapping[str, tuple[str, str]], where: str) -> None:
    """Raise for a spec of ``needs`` that no virtual package meets; ``has`` their versions and builds."""
    from rattler import BuildString, MatchSpec, PackageRecord

    for need in needs:
        spec = MatchSpec(need)
        version, build = has.get(spec.name.normalized, ("", ""))
        if not version:
            raise EnvError(f"the environment needs {need}, which {where} does not have")
        as_package = PackageRecord(
            spec.name.normalized, version, BuildString(build), 0, conda_records.current_platform()
        )
        if not as_package.matches(spec):
            raise EnvError(f"the environment needs {need}; {where} has {version}")


def _write_note(log: Path, records: Sequence[CondaRecord], prefix: Path) -> None:
    lines = [f"installing into {prefix}", *(f"  {record.shown}  {record.url}" for record in records)]
    make_folders(log.parent)
    with log.open("a", encoding="utf-8") as out:
        out.write("".join(f"{line}\n" for line in lines))


def _explain_failure(prefix: Path, error: Exception) -> EnvError:
    causes = channels.explain_plainly(error)
    full = "No space left" in str(error) or "os error 28" in str(error)
    return EnvError(
        f"cannot install the conda packages of environment {prefix.name}: "
        f"{str(error).splitlines()[0]}: {causes}",
        hint="the disk is full; REPRISE_CACHE_DIR puts the environments elsewhere" if full else None,
    )
