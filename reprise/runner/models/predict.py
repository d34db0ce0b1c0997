"""Predictions for a file of rows: a scoring server that gets one request.

The file is parsed, checked against the signature and answered exactly like requests to ``reprise models
serve``, in every format and flavor that the model's MLflow supports.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Literal

from reprise import process
from reprise.errors import RepriseError, UsageError
from reprise.file_lock import scratch
from reprise.runner.models.http_client import Broken, Unreached, WorkerAnswer, ask_once
from reprise.runner.models.served_versions import Served, WantedService
from reprise.schemas.json_text import read_json

Format = Literal["csv", "json", "parquet"]

CONTENT_TYPES: Mapping[Format, str] = {
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
_TO_PARQUET = "import json, pandas, sys; pandas.DataFrame(json.load(sys.stdin)).to_parquet(sys.argv[1])"
_COLUMN = "prediction"
_PIECE = 1 << 20  # bytes
_NO_TIMES = b"dtype datetime64[ns] is not supported for parsing"
_LONGEST_REASON = 2000  # characters
_QUOTED = re.compile(r"""'(?:\w+\(["'])?(.*?)(?:["']\))?'""", re.DOTALL)
"""MLflow's quote of a parser error, by its repr; the complete input follows it."""


def predict_rows(wanted: WantedService, rows: bytes, given: Format, asked: Format) -> bytes:
    """Return the predictions for ``rows`` (in the format ``given``) in the format ``asked``.

    Raises:
        UsageError: the model does not accept the rows, or its predictions are not a table for ``asked``.
        RepriseError: the model does not exist, its environment cannot be created, or it fails.
    """
    if not rows or rows.isspace():
        raise UsageError("the input is empty")
    if given != "parquet":
        _refuse_other_than_utf_8(rows)
    with closing(Served(wanted)) as served:
        answer = _ask_model(served, rows, given)
        if asked == "json":
            return answer
        columns = _name_columns(read_json(answer))
        return _as_csv(columns) if asked == "csv" else _as_parquet(columns, served)


def _refuse_other_than_utf_8(rows: bytes) -> None:
    """In pieces: the text of a large file would take up to four times its memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    begin = 0
    while begin <= len(rows):
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(rows[begin : begin + _PIECE], final=begin + _PIECE > len(rows))
        except UnicodeDecodeError as error:
            raise UsageError(
                f"the input is not UTF-8: byte {begin - held + error.start + 1:,} cannot be read",
                hint="iconv -f latin1 -t utf-8 converts a file, for example",
            ) from None
        begin += _PIECE


def _ask_model(served: Served, rows: bytes, given: Format) -> bytes:
    headers = [(b"content-type", CONTENT_TYPES[given].encode())]
    try:
        answer = ask_once(served.worker.address, "POST", "/invocations", headers, rows)
    except (Unreached, Broken):
        served.worker.given_time_to_end()
        raise RepriseError(
            f"the server of {served.model.shown} {served.worker.end_told()}, without an answer\n"
            f"{served.worker.printed.read_tail()}",
            hint=f"its output is in {served.worker.printed.path}",
        ) from None
    if answer.status < 400:
        return answer.content
    raise UsageError(
        f"{served.model.shown} does not accept the input: {_explain_answer(answer)}",
        hint="its signature has times, which MLflow does not read from CSV: use JSON or Parquet"
        if given == "csv" and _NO_TIMES in answer.content
        else None,
    )


def _explain_answer(answer: WorkerAnswer) -> str:
    """What MLflow says, without the data that it repeats before it, and without its traceback."""
    try:
        told = read_json(answer.content)
        message, trace = str(told["message"]), str(told.get("stack_trace", ""))
    except (ValueError, LookupError, TypeError):
        return answer.content.decode(errors="replace").strip() or f"status {answer.status}"
    if "unexpected error" in message and (lines := trace.strip().splitlines()):
        return lines[-1]  # of the model's own code
    before, input_follows, _ = message.partition("\nInput:")
    reason = (before if input_follows and "Error: " in before else message).rpartition("Error: ")[2].strip()
    if quoted := _QUOTED.fullmatch(reason):
        reason = quoted[1]
    return reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]} ..."


def _name_columns(answer: Any) -> dict[str, Sequence[Any]]:
    """The predictions as named columns of one length.

    Raises:
        UsageError: they are not a table.
    """
    found = answer.get("predictions") if isinstance(answer, dict) and "predictions" in answer else answer
    if isinstance(found, dict) and _width_of(list(found.values())) is not None:
        return dict(found)
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        names = dict.fromkeys(name for row in found for name in row)
        return {name: [row.get(name) for row in found] for name in names}
    if isinstance(found, list) and (width := _width_of(found)) is not None:
        return {f"{_COLUMN}_{place}": [row[place] for row in found] for place in range(width)}
    if isinstance(found, list) and not any(isinstance(row, (list, dict)) for row in found):
        return {_COLUMN: found}
    raise UsageError("the predictions are not a table", hint="--output-format json writes any")


def _width_of(rows: Sequence[Any]) -> int | None:
    """Return the common length of all ``rows``; None if they are not lists, or of several lengths."""
    lengths = {len(row) if isinstance(row, list) else None for row in rows}
    return lengths.pop() if len(lengths) == 1 else None


def _as_csv(columns: Mapping[str, Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def _as_parquet(columns: Mapping[str, Sequence[Any]], served: Served) -> bytes:
    """Write Parquet in the model's environment: ours may not have a library for it."""
    with scratch() as folder:
        file = folder / "predictions.parquet"
        command = served.inside(("python", "-c", _TO_PARQUET, str(file)))
        done = process.run(
            command.argv,
            cwd=command.cwd,
            environ=dict(command.environ),
            check=False,
            stdin=json.dumps({name: list(column) for name, column in columns.items()}).encode(),
        )
        if done.exit_code != 0:
            said = (done.stderr.strip().splitlines() or [""])[-1]
            raise RepriseError(f"cannot write the predictions as Parquet: {said}", hint="use csv or json")
        return file.read_bytes()
