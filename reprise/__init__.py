"""Run MLflow MLproject projects so that every run can be performed again, exactly."""

__version__ = "0.1.0"

__all__ = [
    "BundleFile",
    "CheckReport",
    "Outcome",
    "ProjectLock",
    "RepriseError",
    "Reproduction",
    "Run",
    "RunDifferences",
    "RunFailed",
    "Store",
    "SubmittedRun",
    "Verdict",
    "bundle",
    "check",
    "diff",
    "errors",
    "lock",
    "projects",
    "reproduce",
    "run",
    "runs",
    "to_dataframe",
    "verify",
]

_HOMES = {
    "BundleFile": "reprise.runner.bundle.make_bundle",
    "CheckReport": "reprise.runner.lint.checking",
    "Outcome": "reprise.schemas.job",
    "ProjectLock": "reprise.runner.locks",
    "RepriseError": "reprise.errors",
    "Reproduction": "reprise.runner.reproducing.reproduce",
    "Run": "reprise.schemas.entities",
    "RunDifferences": "reprise.runner.verdict.changes",
    "RunFailed": "reprise.errors",
    "Store": "reprise.store",
    "SubmittedRun": "reprise.submitted",
    "Verdict": "reprise.runner.verdict.values",
    "to_dataframe": "reprise.dataframe",
}
"""The modules of the public names that are not in ``reprise.api``; none is loaded before its use."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in ("errors", "projects"):
        return import_module(f"reprise.{name}")
    value = getattr(import_module(_HOMES.get(name, "reprise.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
