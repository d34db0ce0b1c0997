"""The error for a uv that failed: its own explanation, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from reprise.envs.pypi import uv
from reprise.errors import EnvError
from reprise.process import Completed
from reprise.redact import redact

_HEAD = 4
_TAIL = 16

# Names that were right once, with the way out.
_WAYS_OUT = {
    "sklearn": '"sklearn" on the index is not a package, only a hint to use scikit-learn',
    "pytorch": '"pytorch" on the index is not a package, only a hint to use torch',
    "tensorflow-gpu": "from 2.12 on tensorflow-gpu is not a separate package: use tensorflow",
    "pandas-profiling": "the index has pandas-profiling from 3.0 on, and as ydata-profiling since 4.0; "
    "use --env-manager conda for an older version",
}
# What uv says, and what to do about it; the first that matches is the hint.
_HINTS = (
    (
        re.compile(r"40[13] (?:Unauthorized|Forbidden)"),
        "the index denied access: set the user name and password in ~/.netrc or in the index "
        "URL of UV_INDEX",
    ),
    (
        re.compile(r"Because (?P<package>\S+) was not found in the (?:package registry|provided package)"),
        'no index has a package "{package}": check the spelling, or add the index that has it '
        "(UV_INDEX, PIP_EXTRA_INDEX_URL or --extra-index-url in a requirements file)",
    ),
    (
        re.compile(
            r"there (?:is no version|are no versions) of "
            r"(?P<pin>(?P<package>[\w.\-]+)\S*\+(?P<label>(?:cu|cpu|rocm)\w*))"
        ),
        "{pin} is on PyTorch's own index: add --extra-index-url with the index for {label}, "
        "as PyTorch's installation page names it, to the requirements",
    ),
    (
        re.compile(r"there (?:is no version|are no versions) of (?P<pin>(?P<package>[\w.\-]+)\S*)"),
        'the index has no version of "{package}" that fits {pin}: check the pin',
    ),
    (
        re.compile(r"(?P<pin>[\w.\-]+==\S+) has no (?:usable )?wheels?\b"),
        "there is no wheel of {pin} for this Python or this platform, and it cannot be built from source: "
        "use a version with a wheel, or another Python (--python, or in the environment file)",
    ),
    (
        re.compile(
            r"the (?:current|requested) Python version \((?P<python>[^)]+)\) does not satisfy "
            r"(?P<needed>Python\S+) and (?P<pin>\S+) depends on"
        ),
        "{pin} needs {needed}, and the environment's Python is {python}: "
        "use another Python (--python, or in the environment file), or another version of the package",
    ),
    (
        re.compile(r"Failed to (?:build|download and build) `?(?P<pin>[^\s`]+)"),
        "there is no wheel of {pin} for this Python and this platform, and building it from source failed: "
        "it may need a compiler and libraries; a version or a Python with a wheel needs neither",
    ),
    (
        re.compile(r"UnknownIssuer|invalid peer certificate"),
        "the index uses a certificate that is not trusted: set SSL_CERT_FILE to your CA bundle",
    ),
    (
        re.compile(r"error sending request|dns error|Failed to fetch|Request failed"),
        "is the package index reachable from here? A mirror is named by UV_DEFAULT_INDEX or PIP_INDEX_URL",
    ),
    (
        re.compile(r"No space left on device|os error 28"),
        "the disk is full; REPRISE_CACHE_DIR puts the environments elsewhere, UV_CACHE_DIR their packages",
    ),
)
_OUT_OF_REACH = re.compile(
    r"(?P<package>\S+) was not found in the cache|wasn't found in the cache for: `?(?P<other>[^\s`]+)"
    r"|network connectivity is disabled"
)
_HINT_OF_UV = re.compile(r"^hint: .*?(?=^(?:hint|error|warning|  ×)|\Z)", re.MULTILINE | re.DOTALL)
# Those that speak of options and settings of uv help only those who use uv itself.
_FOR_USERS_OF_UV = re.compile(r"--\w|\btool\.uv\b|exclude-newer|UV_")
_AVAILABLE = re.compile(
    r"only (?:the following versions of )?(?P<package>[\w.\-]+)\S* (?:is|are) available"
)
_UNDATED = re.compile(r"`(?P<file>[^`]+)` is missing an upload date")
_TOO_NEW = re.compile(r"`(?P<package>[^`]+)` was filtered by `exclude-newer`")
_BUILT = re.compile(r"Failed to (?:build|download and build) `?(?P<name>[\w.\-]+?)(?:==|`|\s)")
_ABOUT_PYTHON = re.compile(r"no (?:usable )?wheels|Python[<>=!]|Python version")
_CONCLUDED = re.compile(r"we can conclude that .*?\.(?=\s|$)")
_REQUIRED = re.compile(r"you require (?P<list>.*?)(?=,? we can conclude|\.\s|$)")
_ONE = re.compile(r"[A-Za-z0-9][\w.\-]*(?:\[[^\]]*\])?(?:[=<>!~]=?\S+)?")


def explain_failure(
    what: str,
    result: Completed,
    log: Path,
    *,
    offline: bool = False,
    as_of: str | None = None,
    written: Callable[[str], str | None] = lambda _: None,
) -> EnvError:
    """The error for a uv that failed: ``what`` was wanted, uv's own explanation, the log's path.

    Args:
        offline: as ``as_of``, a reason why packages may be out of sight.
        written: how the user wrote the requirement of a package, and where; None where it is not known.
    """
    output = redact(result.stderr or result.stdout).strip()
    text = " ".join(output.split())
    hint = _find_hint(text, written, offline=offline or uv.is_offline(), as_of=as_of)
    explanation = _find_explanation(output) or f"uv ended with exit code {result.exit_code}"
    if hint:
        explanation = _HINT_OF_UV.sub(
            lambda found: "" if _FOR_USERS_OF_UV.search(found[0]) else found[0], explanation
        ).rstrip()
    lines = "\n".join(f"  {line}".rstrip() for line in _shorten_lines(explanation.splitlines()))
    return EnvError(f"{what}:\n{lines}\n  (the whole output: {log})", hint=hint)


def find_unbuilt(result: Completed) -> str:
    """The package that could not be built, as ``pathtools 0.1.2``; empty where that was not the reason."""
    found = re.search(r"Failed to (?:build|download and build) `?([\w.\-]+)==([^`\s]+)", result.stderr)
    return f"{found[1]} {found[2]}" if found else ""


def may_depend_on_python(result: Completed) -> bool:
    """Whether another Python might get on with what made this uv fail."""
    text = " ".join(result.stderr.split())
    found = _BUILT.search(text)
    if found and found["name"] in _WAYS_OUT:
        return False
    return found is not None or _ABOUT_PYTHON.search(text) is not None


def _find_hint(
    text: str, written: Callable[[str], str | None], *, offline: bool, as_of: str | None
) -> str | None:
    if offline and (found := _OUT_OF_REACH.search(text)):
        missing = found["package"] or found["other"] or "what is missing"
        return f"{missing} is not in uv's cache, and --offline does not allow downloads; run once without"
    if as_of and (found := _UNDATED.search(text)):
        return (
            f"the index has no upload times ({found['file']} has none), so that nothing is known to "
            f"be older than {as_of}; remove --as-of, or use an index with upload times"
        )
    if as_of and (found := _TOO_NEW.search(text)):
        return f"{found['package']} has no matching version from before {as_of}; use a later --as-of"
    for pattern, hint in _HINTS:
        if hit := pattern.search(text):
            groups = hit.groupdict()
            name = groups.get("package") or re.split(r"[=<>!~]", groups.get("pin", ""))[0]
            said = _WAYS_OUT.get(name, hint.format(**groups))
            place = written(name) if name else None
            return f"{said}; the project says {place}" if place else said
    for found in _AVAILABLE.finditer(text):
        if found["package"] in _WAYS_OUT:
            return _WAYS_OUT[found["package"]]
    return _explain_conflict(text, written)


def _explain_conflict(text: str, written: Callable[[str], str | None]) -> str | None:
    """Requirements that exclude each other, where uv names two of the user's own."""
    required = dict.fromkeys(
        part
        for found in _REQUIRED.finditer(_CONCLUDED.sub(". ", text))
        for written_part in re.split(r",? and |, (?=[A-Za-z])", found["list"])
        if _ONE.fullmatch(part := written_part.strip(" ,."))
    )
    if len(required) < 2:
        return None
    told = [_cite_requirement(requirement, written) for requirement in required]
    return f"the requirements are in conflict: {', '.join(told[:-1])} and {told[-1]}; relax one of them"


def _cite_requirement(requirement: str, written: Callable[[str], str | None]) -> str:
    """A requirement in the words of the user's file, where that says it."""
    name = re.split(r"[\[=<>!~]", requirement, maxsplit=1)[0]
    return written(name) or f'"{requirement}"'


def _shorten_lines(lines: list[str]) -> list[str]:
    """The first lines, which say what is wrong, and the last, which say why."""
    if len(lines) <= _HEAD + _TAIL:
        return lines
    return [*lines[:_HEAD], "...", *lines[-_TAIL:]]


def _find_explanation(output: str) -> str:
    """uv's lines from its first ``error:`` on, without the ones about what went well before."""
    lines = output.splitlines()
    wrong = [i for i, line in enumerate(lines) if line.startswith(("error:", "  × "))]
    return "\n".join(lines[wrong[0] :] if wrong else lines)
