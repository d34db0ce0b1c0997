"""Pickles are compared by what they would make, and nothing of them is executed."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.runner.verdict.files.compare_files import compare_files
from reprise.runner.verdict.files.pickles import UnreadablePickle, read_pickle
from reprise.runner.verdict.values import SetAside
from reprise.runner.verdict.words.known_texts import FOLDER, Aside
from tests.runner.verdict.files.here import CLOSE, DIVERGED, EXACTLY, IDENTICAL, UNKNOWN, WITHIN, compared

KEYS = st.text(max_size=4) | st.integers() | st.booleans() | st.none() | st.binary(max_size=3)
LEAVES = KEYS | st.floats()
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.frozensets(st.text(max_size=3), max_size=3)
    ),
)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Fitted:
    """An object with attributes, as an estimator."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("weight",)

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __getstate__(self) -> Any:
        return None, {"weight": self.weight}


@given(VALUES, st.integers(0, 5), st.integers(0, 5))
def test_a_value_is_the_same_in_every_protocol(value: Any, one: int, other: int) -> None:
    assert compared("x.pkl", pickle.dumps(value, one), pickle.dumps(value, other)) is IDENTICAL


@given(VALUES, VALUES)
def test_another_value_is_found(a: Any, b: Any) -> None:
    found = compared("x.pkl", pickle.dumps(a, 4), pickle.dumps(b, 4))
    if found is IDENTICAL:
        assert plain(a) == plain(b)


def plain(value: Any) -> Any:
    """``value`` such that equal ones are the same: NaN is NaN, and True is not 1."""
    match value:
        case dict():
            return {(type(key), key): plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [type(value), *map(plain, value)]
        case float() if value != value:
            return "nan"
        case float() | int() if not isinstance(value, bool):
            return float(value) if abs(value) < 2**53 else value
    return (type(value), value)


MATRIX = np.arange(12.0).reshape(3, 4) / 7
RECORD = np.dtype([("flag", "u1"), ("score", "<f8"), ("fit_time", "<f8")], align=True)


def records(padding: int, fit_time: float = 0.1) -> Any:
    """Records whose gap holds ``padding``, which means nothing."""
    array = np.frombuffer(bytes([padding]) * RECORD.itemsize * 2, RECORD).copy()
    array["flag"], array["score"], array["fit_time"] = [1, 0], [0.5, 0.7], fit_time
    return array


SAME = [
    ({"x", "y", "zz"}, {"zz", "y", "x"}),
    (MATRIX, MATRIX.copy()),
    (MATRIX.T, np.ascontiguousarray(MATRIX.T)),
    (np.asfortranarray(MATRIX), MATRIX.copy()),
    (MATRIX.astype(">f8"), MATRIX.astype(">f8").copy()),
    (np.array([0.0, np.nan]), np.array([-0.0, np.nan])),
    (records(0), records(255)),
    (records(0, 0.1), records(0, 0.2)),
    ({"refit_time_": 0.3, "acc": 1}, {"refit_time_": 0.4, "acc": 1}),
    ({"mean_fit_time": MATRIX, "acc": 1}, {"mean_fit_time": MATRIX * 2, "acc": 1}),
    (Fitted(coef_=MATRIX, fit_time_=0.1), Fitted(coef_=MATRIX.copy(), fit_time_=0.2)),
    (collections.OrderedDict(a=1, b=2), collections.OrderedDict(a=1, b=2)),
    ({"timings": {"fit": 1.0, "predict": 2.0}, "n": 1}, {"timings": {"fit": 1.5, "predict": 2.5}, "n": 1}),
    (Path("/home/ann/iris/data.csv"), Path("/cache/work/iris/data.csv")),
]

OTHER = [
    ({"x", "y"}, {"x", "z"}),
    ({(1, b"a")}, {(1, b"b")}),
    (MATRIX, MATRIX.astype("f4")),
    (MATRIX, MATRIX.reshape(4, 3)),
    (records(0), np.sort(records(0), order="score")[::-1].copy()),
    (np.array(["a", "b"]), np.array(["a", "c"])),
    (np.array([1, 2]), np.array([1, 3])),
    (np.array([None, "a"], dtype=object), np.array([None, "b"], dtype=object)),
    (np.array(["2024-01-01"], "M8[s]"), np.array(["2024-01-02"], "M8[s]")),
    (np.float32(1), np.float32(2)),
    (Fitted(coef_=1), Fitted(coef_=2)),
    (Fitted(coef_=1), Fitted(bias_=1)),
    (Slotted(1.0), Slotted(2.0)),
    (Fitted(coef_=1), collections.Counter(coef_=1)),
    (collections.Counter("aab"), collections.Counter("abb")),
    (Colour.RED, Colour.BLUE),
    (decimal.Decimal("1.10"), decimal.Decimal("1.11")),
    (datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 2)),
    (datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)),
    (datetime.timedelta(seconds=1), datetime.timedelta(seconds=2)),
    ({1: "a"}, {"1": "a"}),
    ({"[1]": "a"}, {1: "a"}),
    ([1, 2], (1, 2)),
    ("3.5 s", "4.5 s"),
    ({"best_window": "1s"}, {"best_window": "2s"}),
    (Path("/home/ann/iris/a.csv"), Path("/cache/work/iris/b.csv")),
    ({"epoch_times": [0.1, 0.2]}, {"epoch_times": [0.1, 0.2, 0.3]}),
    (complex(1, 2), complex(1, 3)),
]

AT_HOME = EXACTLY._replace(of_a=Aside({"/home/ann/iris": FOLDER}), of_b=Aside({"/cache/work/iris": FOLDER}))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(("a", "b"), SAME)
def test_what_is_the_same(a: Any, b: Any, protocol: int) -> None:
    found = compare_files("x.pkl", pickle.dumps(a, protocol), pickle.dumps(b, protocol), AT_HOME)
    assert found.agreement is IDENTICAL, found


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(("a", "b"), OTHER)
def test_what_is_another_one(a: Any, b: Any, protocol: int) -> None:
    found = compare_files("x.pkl", pickle.dumps(a, protocol), pickle.dumps(b, protocol), AT_HOME)
    assert found.agreement is DIVERGED, found


def test_it_says_where_and_by_how_much() -> None:
    one, other = Fitted(coef_=MATRIX, refit_time_=0.1), Fitted(coef_=MATRIX * (1 + 1e-10), refit_time_=0.2)
    found = compare_files("m.pkl", pickle.dumps(one), pickle.dumps(other), EXACTLY)
    assert (found.agreement, found.where) == (DIVERGED, "coef_[0, 1]")
    assert found.note.endswith("11 numbers differ by up to 1.57e-10")
    found = compare_files("m.pkl", pickle.dumps(one), pickle.dumps(other), CLOSE)
    assert (found.agreement, found.note) == (WITHIN, "11 numbers differ by up to 1.57e-10")
    assert found.set_aside == (SetAside("duration", "refit_time_"),)


def dumped(value: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    joblib.dump(value, out, **options)
    return out.getvalue()


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_joblib_keeps_arrays_between_the_operations(compress: Any) -> None:
    value = {
        "w": MATRIX,
        "order": [MATRIX.T, np.asfortranarray(MATRIX)],
        "names": np.array(["a", None], object),
    }
    one = dumped(value)
    assert compared("x.joblib", one, dumped(value, compress=compress)) is IDENTICAL
    other = dumped({**value, "w": MATRIX * (1 + 1e-10)}, compress=compress)
    assert compared("x.joblib", one, other) is DIVERGED
    assert compared("x.joblib", one, other, CLOSE) is WITHIN
    swapped = dumped({**value, "names": np.array(["b", None], object)}, compress=compress)
    assert compared("x.joblib", one, swapped, CLOSE) is DIVERGED


def test_values_that_hold_themselves_end() -> None:
    circle: list[Any] = [1]
    circle.append(circle)
    other: list[Any] = [1]
    other.append([1, other])
    assert compared("x.pkl", pickle.dumps(circle), pickle.dumps(circle, 2)) is IDENTICAL
    assert compared("x.pkl", pickle.dumps(circle), pickle.dumps([2, circle])) is DIVERGED
    shared = [0.1]
    one = {"fit_times": shared, "scores": shared}
    assert (
        compared("x.pkl", pickle.dumps(one), pickle.dumps({"fit_times": [0.2], "scores": [0.2]}))
        is DIVERGED
    )


def test_bytes_that_are_not_known_are_not_called_the_same() -> None:
    one, other = ({"handle": b"\xff\0" + tail} for tail in (b"1", b"2"))
    assert compared("x.pkl", pickle.dumps(one), pickle.dumps(other)) is UNKNOWN
    inner = [{"handle": pickle.dumps(np.array([value]))} for value in (1.0, 1.0 + 1e-9)]
    assert compared("x.pkl", pickle.dumps(inner[0]), pickle.dumps(inner[1]), CLOSE) is WITHIN


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04]" + b"\x94h\x00" * 3 + b".",
        b"\x80\x04" + b"(" * 1000 + b".",
        b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x04B\xff\xff\xff\x7f.",
        b"\x80\x04h\x07.",
        b"\x80\x04}u.",
        b"\x80\x05\x97.",
        b"\x80\x04N.N.",
        b"cos\nsystem\n(S'touch sprung'\ntR.",
        b"\x80\x04"
        + b"".join(b"]\x94(h" + bytes([n]) + b"h" + bytes([n]) + b"e" for n in range(60))
        + b".",
    ],
    ids=lambda data: str(data[:12]),
)
def test_damaged_and_hostile_pickles(data: bytes) -> None:
    fine = pickle.dumps({"a": 1})
    assert compared("x.pkl", data, fine) in (UNKNOWN, DIVERGED)
    assert compared("x.pkl", data, data + b"\n") in (UNKNOWN, DIVERGED, IDENTICAL)
    assert not Path("sprung").exists()


def test_long_ones_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reprise.runner.verdict.files.pickles.MOST_OPERATIONS", 10)
    with pytest.raises(UnreadablePickle, match="more than 10 operations"):
        read_pickle(io.BytesIO(pickle.dumps([*range(20)])))


def test_every_operation_is_known() -> None:
    from reprise.runner.verdict.files import pickles

    machine = pickles._Machine
    known = {*pickles._PLAIN, *pickles._CONSTANTS, *pickles._EMPTY, *pickles._IGNORED, *machine._operations}
    beside = {"NEXT_BUFFER", "READONLY_BUFFER"}  # what lies outside of the file
    assert {operation.name for operation in pickletools.opcodes} - known == beside
