"""What the user asks of the machine that runs the job, read from text."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.errors import UsageError
from reprise.schemas.job import Resources
from reprise.units import Bytes, read_duration, read_size

NAMES = ("cpus", "gpus", "mem", "time")


def read_resources(given: Mapping[str, object | None]) -> Resources:
    """Return the resources that ``given`` names by the words of the options; None counts as not given.

    Numbers are counts of ``cpus`` and ``gpus``, bytes of ``mem``, and seconds of ``time``.

    Raises:
        UsageError: a value is no amount of its kind, or a name is unknown.
    """
    texts = {name: str(value) for name, value in given.items() if value is not None}
    if not texts:
        return Resources()
    if unknown := texts.keys() - set(NAMES):
        raise UsageError(
            f"there is no resource {', '.join(sorted(unknown))}", hint=f"one of {', '.join(NAMES)}"
        )
    memory = Bytes(read_size("--mem", texts["mem"])) if "mem" in texts else None
    if memory == 0:
        raise UsageError("--mem is 0", hint="write 500M, 2GB or 2GiB")
    return Resources(
        cpus=_read_count("--cpus", texts["cpus"], least=1) if "cpus" in texts else None,
        gpus=_read_count("--gpus", texts["gpus"], least=0) if "gpus" in texts else None,
        memory=memory,
        time=read_duration("--time", texts["time"]) if "time" in texts else None,
    )


def _read_count(option: str, text: str, least: int) -> int:
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if count < least:
        raise UsageError(f'{option} is "{text}", which is not a whole number from {least} on')
    return count
