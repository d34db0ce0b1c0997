"""The Python API: a function for each verb of the command line that is about projects and runs.

``import reprise`` offers all of it, and loads nothing before it is used. What the reference
(``docs/reference/python-api.md``, made of these docstrings) does not name is private.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.call import require_list
from reprise.errors import UsageError
from reprise.store import MAX_INPUT, Store
from reprise.submitted import SubmittedRun

if TYPE_CHECKING:
    from reprise.runner.bundle.make_bundle import BundleFile
    from reprise.runner.lint.checking import CheckReport
    from reprise.runner.locks import ProjectLock
    from reprise.runner.reproducing.reproduce import Reproduction
    from reprise.runner.verdict.changes import RunDifferences
    from reprise.runner.verdict.values import Verdict
    from reprise.schemas.entities import Run


def run(
    uri: str,
    entry_point: str = "main",
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    docker_args: Mapping[str, Any] | None = None,
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    backend: str = "local",
    backend_config: Mapping[str, Any] | str | None = None,
    storage_dir: str | None = None,
    synchronous: bool = True,
    run_id: str | None = None,
    run_name: str | None = None,
    env_manager: str | None = None,
    build_image: bool = False,
    docker_auth: Mapping[str, str] | None = None,
    *,
    locked: bool = False,
    offline: bool = False,
    as_of: str | None = None,
    python: str | None = None,
    observe: bool = True,
    sandbox: bool = False,
    network: bool = True,
    resources: Mapping[str, Any] | None = None,
    tracking_uri: str | None = None,
) -> SubmittedRun:
    """Run a project. The positional arguments are those of ``mlflow.projects.run``.

    A run started by another run is nested in it and inherits its env manager. The same applies if the
    process has an open run of ``mlflow.start_run()``.

    Args:
        uri: a folder, a git URL (``#subdirectory``), or an archive.
        entry_point: the name of an entry point, or a script of the folder.
        version: a branch, tag or commit of a git project.
        parameters: values by name, such as ``{"C": 0.05}``, converted to text with ``str()``; a list for
            a declared ``list[...]`` becomes JSON. None counts as missing.
        docker_args: options of ``docker run``, as ``{"gpus": "all", "tty": True}``.
        experiment_name: the experiment of the run, created if missing. None: ``MLFLOW_EXPERIMENT_NAME``.
        experiment_id: its id instead of the name. None: ``MLFLOW_EXPERIMENT_ID``.
        backend: where the job runs.
        backend_config: options of the backend: a mapping, the path of a ``.json`` file, or JSON text.
        storage_dir: the folder for downloads of ``path`` parameters.
        synchronous: False: return once the run has started. The run continues even if this process ends.
        run_id: resume this run instead of creating a new one.
        run_name: the name of the run; None: random.
        env_manager: ``local``, ``virtualenv`` or ``uv``, ``conda``, ``docker``; None: that of the project.
            ``local`` is the Python of this program (``sys.executable``).
        build_image: build a new docker image with the project in it.
        docker_auth: ``username``, ``password`` and perhaps ``registry``, for this run only.
        locked: raise EnvError if the project's lock is missing or outdated.
        offline: fetch nothing; use what is on this machine.
        as_of: the packages of an unlocked project as of a date (``2021-06-30``, whole day, UTC), a time, or
            its ``commit``.
        python: the version of the environment's Python, such as ``3.10``; overrides the project's.
        observe: False: the record does not say which files the run read.
        sandbox: True: hide the home folder, and only allow writes to the run (bubblewrap; Linux).
        network: False: run in a sandbox that only reaches the tracking store.
        resources: what the backend gives the job: ``cpus`` and ``gpus`` (numbers), ``mem`` (bytes, or
            ``"4GB"``) and ``time`` (seconds, or ``"2h"``), after which the job is ended.
        tracking_uri: the store, as for :class:`reprise.Store`.

    Returns:
        The run; it has ended if ``synchronous``.

    Raises:
        RunFailed: a synchronous run failed. It has ``run_id``, ``outcome`` and ``last_lines``.
        ProjectError: the MLproject or an environment file is wrong; no run is left behind.
        UsageError: an option or a parameter is wrong; no run is left behind.
        SourceError: the project cannot be fetched; no run is left behind.
        EnvError: the environment cannot be created; the run is FAILED with the reason.
        TrackingError: the store cannot be reached, or refuses the request.

    Example:
        >>> import reprise
        >>> submitted = reprise.run(".", parameters={"C": 0.5}, env_manager="local")
        >>> submitted.get_status()
        'FINISHED'
        >>> try:
        ...     reprise.run(".", "fails", env_manager="local")
        ... except reprise.RunFailed as error:
        ...     print(error.exit_code, error.outcome.status, error.last_lines)
        3 FAILED ('no data',)
    """
    with Store(tracking_uri) as store:
        return store.run(
            uri,
            entry_point,
            synchronous=synchronous,
            version=version,
            parameters=parameters,
            docker_args=docker_args,
            experiment_name=experiment_name,
            experiment_id=experiment_id,
            backend=backend,
            backend_config=backend_config,
            storage_dir=storage_dir,
            run_id=run_id,
            run_name=run_name,
            env_manager=env_manager,
            build_image=build_image,
            docker_auth=docker_auth,
            locked=locked,
            offline=offline,
            as_of=as_of,
            python=python,
            observe=observe,
            sandbox=sandbox,
            network=network,
            resources=resources,
        )


def reproduce(
    run_id: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    tolerance: float | Path | None = None,
    strict: bool = False,
    keep: bool = False,
    offline: bool = False,
    key: Path | None = None,
    any_machine: bool = False,
    sandbox: bool = False,
    network: bool = True,
    tracking_uri: str | None = None,
) -> Reproduction:
    """Rerun a recorded run from its record alone, and compare the results.

    Different results are a verdict, not an exception.

    Args:
        run_id: a run id or its prefix, ``@last``, or the path of a bundle; or a model URI such as
            ``models:/iris@champion``, which selects the run that logged the model.
        parameters: changed values, which make it a variation without a verdict; or secrets.
        tolerance: the allowed difference of numbers, relative or absolute; or the path of a tolerance file.
        strict: True: ignore nothing, and compare the output log too.
        keep: True: keep the restored project.
        offline: fetch nothing; use what is on this machine.
        key: the required public key of the bundle's signature, a PEM file.
        any_machine: True: allow a different kind of GPU.
        sandbox: as for :func:`reprise.run`.
        network: as for :func:`reprise.run`.
        tracking_uri: the store, as for :class:`reprise.Store`.

    Returns:
        The new run and the verdict; ``verdict.reproduced`` is True if the results are the same.

    Raises:
        UsageError: the run does not exist, or is running.
        SourceError: something the run needs is missing. All missing items are listed, and nothing has run.
        EnvError: the environment of the run cannot be recreated here; nothing has run.

    Example:
        >>> import reprise
        >>> submitted = reprise.run(".", parameters={"C": 0.5}, env_manager="local")
        >>> again = reprise.reproduce(submitted.run_id)
        >>> again.verdict.reproduced
        True
        >>> reprise.reproduce("@last", parameters={"C": 2}).changed
        ('C',)
    """
    with Store(tracking_uri) as store:
        return store.reproduce(
            run_id,
            parameters=parameters,
            tolerance=tolerance,
            strict=strict,
            keep=keep,
            offline=offline,
            key=key,
            any_machine=any_machine,
            sandbox=sandbox,
            network=network,
        )


def verify(
    a: str,
    b: str,
    *,
    tolerance: float | Path | None = None,
    strict: bool = False,
    tracking_uri: str | None = None,
) -> Verdict:
    """Compare the results of run ``b`` with those of run ``a``. The verdict is stored with ``b``.

    Args:
        a: a run id or its prefix, or ``@last``.
        b: the other run.
        tolerance: the allowed difference of numbers, relative or absolute; or the path of a tolerance file.
        strict: True: ignore nothing, and compare the output log too.
        tracking_uri: the store, as for :class:`reprise.Store`.

    Returns:
        The verdict, part by part. It is true in an ``if`` if the results are the same; unknown counts as
        not the same.

    Raises:
        UsageError: a run does not exist, or both are the same run.

    Example:
        >>> import reprise
        >>> a, b, c = (
        ...     reprise.run(".", parameters={"C": C}, env_manager="local").run_id for C in (1, 1, 2)
        ... )
        >>> reprise.verify(a, b).sentence
        'identical'
        >>> verdict = reprise.verify(a, c)
        >>> verdict.reproduced, str(verdict.agreement)
        (False, 'diverged')
    """
    with Store(tracking_uri) as store:
        return store.verify(a, b, tolerance=tolerance, strict=strict)


def diff(a: str, b: str, *, everything: bool = False, tracking_uri: str | None = None) -> RunDifferences:
    """Return the differences between two runs, including uncommitted changes. It is not a verdict.

    Args:
        a: a run id or its prefix, or ``@last``.
        b: the other run.
        everything: True: include what is the same.
        tracking_uri: the store, as for :class:`reprise.Store`.

    Returns:
        The differences by subject.

    Raises:
        UsageError: a run does not exist, or both are the same run.

    Example:
        >>> import reprise
        >>> a, b = (reprise.run(".", parameters={"C": C}, env_manager="local").run_id for C in (1, 2))
        >>> [(item.a, item.b) for item in reprise.diff(a, b).parameters if item.name == "C"]
        [('1', '2')]
    """
    with Store(tracking_uri) as store:
        return store.diff(a, b, everything=everything)


def check(uri: str = ".", version: str | None = None, *, strict: bool = False) -> CheckReport:
    """Find every fault of a project's files. Nothing of it is run.

    Args:
        uri: a folder, a git URL, or an archive.
        version: a branch, tag or commit of a git project.
        strict: True: warnings are faults too, and what keeps a run from being performed again is found.

    Returns:
        The faults, with file, line and column; ``passed`` says whether there are none.

    Raises:
        SourceError: the project cannot be fetched.

    Example:
        >>> import reprise
        >>> report = reprise.check(".")
        >>> report.passed, report.faults
        (True, ())
    """
    from reprise.runner.lint.checking import check_project

    return check_project(str(uri), version, strict=strict)


def lock(
    uri: str = ".",
    version: str | None = None,
    *,
    env_manager: str | None = None,
    python: str | None = None,
    upgrade: bool | Sequence[str] = False,
    as_of: str | None = None,
    platforms: Sequence[str] = (),
    output: Path | None = None,
    offline: bool = False,
    check_only: bool = False,
) -> ProjectLock:
    """Write the lock of a project next to it. Versions in an existing lock are kept.

    Args:
        uri: a folder, a git URL, or an archive.
        version: a branch, tag or commit of a git project.
        env_manager: the manager to lock for; None: that of the project.
        python: the version of the environment's Python, such as ``3.10``.
        upgrade: True upgrades all packages, a list of names these packages.
        as_of: the packages as of a date (whole day, UTC), a time, or the project's ``commit``.
        platforms: for which platforms, as ``["linux-64", "osx-arm64"]``; none: this one, or the lock's own.
        output: the folder for the lock of a git URL or an archive; None: the working directory.
        offline: fetch nothing; use what is on this machine.
        check_only: True: only check; raise EnvError if the lock is missing or outdated.

    Returns:
        The manager, and each lock file with whether it changed.

    Raises:
        EnvError: the packages cannot be resolved; or, with ``check_only``, the lock is missing or outdated.
        UsageError: an option is wrong, or excludes another.
        ProjectError: the MLproject or the environment file is wrong.

    Example:
        >>> import reprise
        >>> try:
        ...     reprise.lock("packages", check_only=True)
        ... except reprise.errors.EnvError as error:
        ...     print("not locked")
        not locked
    """
    from reprise.runner import locks
    from reprise.runner.planning.request import make_request

    if check_only and (upgrade or as_of or platforms or output):
        raise UsageError("check_only writes nothing", hint="leave upgrade, as_of, platforms and output out")
    request = make_request(
        str(uri),
        parameters={},
        sources={},
        version=version,
        env_manager=env_manager,
        offline=offline,
        as_of=as_of,
        python=python,
    )
    if check_only:
        return locks.check_lock(request)
    if isinstance(upgrade, bool):
        names: Sequence[str] | None = () if upgrade else None
    else:
        names = require_list("upgrade", upgrade)
    folder = Path(output) if output is not None else None
    platforms = require_list("platforms", platforms)
    return locks.write_lock(request, upgrade=names, platforms=platforms, output=folder)


def bundle(
    run: str,
    output: Path | None = None,
    *,
    with_packages: bool = False,
    max_input: int | str = MAX_INPUT,
    sign: Path | None = None,
    offline: bool = False,
    tracking_uri: str | None = None,
) -> BundleFile:
    """Export a run to one file, which :func:`reprise.reproduce` can rerun on any machine.

    Args:
        run: a run id or its prefix, or ``@last``.
        output: the file, which must not exist; None: ``<first 8 digits of the run>.zip`` here.
        with_packages: True: the packages of the environment, or its image, too.
        max_input: bytes, or a text as ``100MB``; a larger input is left out.
        sign: the private key that signs it: Ed25519, a PEM file. Needs ``reprise-ml[sign]``.
        offline: fetch nothing; use what is on this machine.
        tracking_uri: the store, as for :class:`reprise.Store`.

    Returns:
        The file, with its size in bytes and what was left out.

    Raises:
        UsageError: the run does not exist, is running or has no record, or ``output`` exists.
        SourceError: its source is no longer available.

    Example:
        >>> import reprise
        >>> submitted = reprise.run(".", env_manager="local")
        >>> made = reprise.bundle(submitted.run_id, "run.zip")
        >>> made.run_id == submitted.run_id, made.left_out
        (True, ())
    """
    with Store(tracking_uri) as store:
        return store.bundle(
            run, output, with_packages=with_packages, max_input=max_input, sign=sign, offline=offline
        )


def runs(
    *,
    experiment: str | None = None,
    filter: str = "",
    order_by: Sequence[str] = (),
    limit: int | None = None,
    deleted: bool = False,
    tracking_uri: str | None = None,
) -> list[Run]:
    """Find runs, newest first.

    Args:
        experiment: the name or the id of an experiment; None: all.
        filter: MLflow's search language, such as ``metrics.loss < 0.1 AND params.C = '1'``.
        order_by: keys of that language, such as ``["metrics.loss DESC"]``.
        limit: the maximum number of runs; None: all.
        deleted: True: deleted runs.
        tracking_uri: the store, as for :class:`reprise.Store`.

    Returns:
        The runs with their parameters, tags, and the last point of each metric.

    Raises:
        UsageError: there is no store, or the experiment does not exist.
        TrackingError: ``filter`` or ``order_by`` is not of the search language.

    Example:
        >>> import reprise
        >>> for C in (1, 2):
        ...     submitted = reprise.run(".", parameters={"C": C}, env_manager="local")
        >>> [(run.status, run.params) for run in reprise.runs(filter="params.C = '2'")]
        [('FINISHED', {'C': '2'})]
    """
    with Store(tracking_uri) as store:
        return store.runs(
            experiment=experiment, filter=filter, order_by=order_by, limit=limit, deleted=deleted
        )
