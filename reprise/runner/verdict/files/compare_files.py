"""Compare two files whose bytes differ by their type, from their content, or else their name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from reprise.named_tuple import NamedTuple
from reprise.runner.verdict.comparison_rules import FilesComparison, Looking
from reprise.runner.verdict.files import (
    images,
    npy,
    onnx,
    pdf,
    safetensors,
    sqlite,
    tables,
    tfevents,
    torch,
)
from reprise.runner.verdict.files.archives import (
    LARGEST,
    decompress_file,
    is_compressed,
    is_tar,
    is_zip,
    read_tar,
)
from reprise.runner.verdict.files.contents import compare_contents
from reprise.runner.verdict.files.html import compare_html
from reprise.runner.verdict.files.members import compare_members, compare_zips
from reprise.runner.verdict.files.notebooks import compare_notebooks
from reprise.runner.verdict.files.objects import Meaning
from reprise.runner.verdict.files.pickled import known_meaning, read_pickled
from reprise.runner.verdict.files.readings import NotRead
from reprise.runner.verdict.files.spread import Spread
from reprise.runner.verdict.values import IDENTICAL, Finding, make_diverged, make_unknown
from reprise.runner.verdict.words.texts import TextStyle, compare_texts, decode_text

_PICKLES = {".pkl", ".pickle", ".joblib", ".cloudpickle", ".p", ".dill"}
_LOGS = {".log", ".out", ".err", ".stdout", ".stderr"}
_PROSE = {"", ".txt", ".text", ".md", ".markdown", ".rst", ".tex", ".adoc", ".org"}
_MARKUP = {".html", ".htm", ".xhtml", ".svg", ".xml", ".pmml", ".rels", ".ps", ".eps"}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MATLAB = b"MATLAB 5.0 MAT-file"
_ARROWS = (b"PAR1", b"ARROW1", b"FEA1", b"ORC")


class Kind(NamedTuple):
    """``is_one`` says by name and bytes whether a file is of the kind; ``compare`` compares two of them."""

    title: str
    is_one: Callable[[str, bytes], bool]
    compare: FilesComparison


def compare_files(name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    """Whether two files mean the same; never an error. Nothing of them is executed.

    ``identical`` means that nothing differs that the kind of file is about.
    """
    if a == b:
        return IDENTICAL
    if max(len(a), len(b)) > LARGEST:
        return make_unknown(
            f"the bytes differ, and files of more than {LARGEST >> 20} MiB are not looked into"
        )
    spread = looking.spread or Spread()
    try:
        found = _compare_bytes(name.lower(), a, b, looking._replace(spread=spread, of_files=compare_files))
    except NotRead as error:
        return make_unknown(f"the bytes differ, and {error}")
    except RecursionError:
        return make_unknown("the bytes differ, and it is nested too deeply to be looked into")
    except Exception as error:  # what a library makes of a damaged file
        return make_unknown(
            f"the bytes differ, and it cannot be read: {str(error) or type(error).__name__}"
        )
    return found if looking.spread else spread.noted(found)


def _compare_bytes(name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    kind = next(kind for kind in _KINDS if kind.is_one(name, a))
    other = next(kind for kind in _KINDS if kind.is_one(name, b))
    if kind is other:
        return kind.compare(name, a, b, looking)
    note = f"{other.title}, was {kind.title}"
    return (
        make_unknown(f"the bytes differ: {note}") if _OTHER in (kind, other) else make_diverged(note=note)
    )


def _by_value(read: Callable[[bytes], Any], meaning: Meaning = known_meaning) -> FilesComparison:
    """Compares what ``read`` makes of the bytes."""

    def compare(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
        found = compare_contents(read(a), read(b), looking, meaning=meaning)
        return found._replace(note="the same values") if found == IDENTICAL else found

    return compare


def _by_reading(kind: str) -> FilesComparison:
    """Compares what a library beside the run makes of the bytes."""

    def compare(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
        (one, place), (other, _) = _read_both(kind, a, b, looking)
        return _read_at(place, compare_contents(one, other, looking))

    return compare


def _compare_images(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    (one, place), (other, _) = _read_both("image", a, b, looking)
    return _read_at(place, images.compare_images(one, other, looking.closeness))


def _read_at(place: str, found: Finding) -> Finding:
    """``found`` with where the files were read, if it was not here."""
    found = found._replace(note="the same values") if found == IDENTICAL else found
    return found._replace(note="; ".join(filter(None, (found.note, f"read in {place}" if place else ""))))


def _read_both(kind: str, a: bytes, b: bytes, looking: Looking) -> list[tuple[Any, str]]:
    """What both files hold; both are asked for before it is known that one is not read."""
    if looking.readings is None:
        raise NotRead("nothing that reads it was started")
    found: list[tuple[Any, str] | NotRead] = []
    for data in (a, b):
        try:
            found.append(looking.readings.read_file(kind, data))
        except NotRead as error:
            found.append(error)
    if fault := next((item for item in found if isinstance(item, NotRead)), None):
        raise fault
    return [item for item in found if isinstance(item, tuple)]


def _compare_tars(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    return compare_members(read_tar(a), read_tar(b), looking)


def _compare_zips(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    return compare_zips(a, b, looking)


def _compare_compressed(name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    path = PurePosixPath(name)
    inner = f"{path.stem}.tar" if path.suffix == ".tgz" else path.stem
    found = looking.compare_inside(inner, decompress_file(a), decompress_file(b))
    return IDENTICAL._replace(note="the same content") if found == IDENTICAL else found


def _compare_pdfs(_name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    return pdf.compare_pdf(a, b, looking)


def _compare_written(name: str, a: bytes, b: bytes, looking: Looking) -> Finding:
    """Compare texts, including files that are not JSON or CSV in spite of their name."""
    one, other = decode_text(a), decode_text(b)
    assert one is not None and other is not None  # what is none is of another kind
    ending = PurePosixPath(name).suffix
    try:
        if ending == ".ipynb":
            return compare_notebooks(one, other, looking)
        if ending in (".json", ".geojson"):
            return tables.compare_json(one, other, looking)
        if ending in (".jsonl", ".ndjson"):
            return tables.compare_json_lines(one, other, looking)
        if ending in (".csv", ".tsv"):
            return tables.compare_csv(one, other, "\t" if ending == ".tsv" else ",", looking)
        if ending in (".yaml", ".yml"):
            return tables.compare_yaml(one, other, looking)
        if ending == ".toml":
            return tables.compare_toml(one, other, looking)
        if ending in (".ini", ".cfg"):
            return tables.compare_ini(one, other, looking)
        if ending in (".html", ".htm"):
            return compare_html(one, other, looking)
    except tables.NOT_READABLE:
        pass
    return compare_texts(one, other, looking, _style_of(ending, other))


def _style_of(ending: str, text: str) -> TextStyle:
    if ending in _LOGS:
        return TextStyle.LOG
    if ending in _MARKUP or text.lstrip()[:9].lower().startswith(("<!doctype", "<html", "<?xml", "<svg")):
        return TextStyle.MARKUP
    return TextStyle.PROSE if ending in _PROSE else TextStyle.DATA


def _is_pickle(name: str, data: bytes) -> bool:
    begins = data[:1] == b"\x80" and data[1:2] in (b"\2", b"\3", b"\4", b"\5")
    return (begins and data.endswith(b".")) or PurePosixPath(name).suffix in _PICKLES


def _is_text(_name: str, data: bytes) -> bool:
    return decode_text(data) is not None


def _refuse_unknown(_name: str, _a: bytes, _b: bytes, _looking: Looking) -> Finding:
    return make_unknown("the bytes differ, and this kind of file is not known")


_OTHER = Kind("a file of an unknown kind", lambda _name, _data: True, _refuse_unknown)
_KINDS = (
    Kind("an image", images.is_image, _compare_images),
    Kind("an array of NumPy", lambda _, data: data.startswith(npy.MAGIC), _by_value(npy.read_npy)),
    Kind("HDF5", lambda _, data: _HDF5 in (data[:8], data[512:520]), _by_reading("hdf5")),
    Kind("a table of Arrow", lambda _, data: data.startswith(_ARROWS), _by_reading("arrow")),
    Kind(
        "events of TensorBoard",
        lambda _, data: tfevents.is_events(data),
        _by_value(tfevents.read_events),
    ),
    Kind("a file of MATLAB", lambda _, data: data.startswith(_MATLAB), _by_reading("matlab")),
    Kind("a database", lambda _, data: data.startswith(sqlite.MAGIC), _by_value(sqlite.read_database)),
    Kind("PDF", lambda _, data: data.startswith(pdf.MAGIC), _compare_pdfs),
    Kind("a zip file", lambda _, data: is_zip(data), _compare_zips),
    Kind("a tar file", lambda _, data: is_tar(data), _compare_tars),
    Kind(
        "a checkpoint",
        lambda _, data: torch.is_legacy(data),
        _by_value(torch.read_legacy, torch.tensor_meaning),
    ),
    Kind("a pickle", _is_pickle, _by_value(read_pickled)),
    Kind("a compressed file", lambda _, data: is_compressed(data), _compare_compressed),
    Kind("a model of ONNX", lambda name, _: name.endswith(".onnx"), _by_value(onnx.read_onnx)),
    Kind(
        "safetensors",
        lambda _, data: safetensors.is_safetensors(data),
        _by_value(safetensors.read_safetensors),
    ),
    Kind("a text", _is_text, _compare_written),
    _OTHER,
)
"""The first that fits is it."""
