"""Archives member by member, and what some zip files are: checkpoints, documents, trees of skops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.files import office, skops, torch
from reprise.runner.verdict.files.archives import Member, read_zip
from reprise.runner.verdict.files.contents import compare_contents
from reprise.runner.verdict.files.npy import read_npy
from reprise.runner.verdict.values import IDENTICAL, Finding, find_worst, make_diverged, make_unknown
from reprise.runner.verdict.words.names import match_names
from reprise.runner.verdict.words.texts import decode_text

_ARRAY = ".npy"
_DEEPEST = 4  # archives in archives


def compare_zips(a: bytes, b: bytes, looking: Looking) -> Finding:
    """Two zip files by what they are: a checkpoint, a tree of skops, or files."""
    one, other = read_zip(a), read_zip(b)
    roots = [torch.find_root(members) for members in (one, other)]
    if roots[0] is not None and roots[1] is not None:
        values = (
            torch.read_checkpoint(_bytes_of(one), roots[0]),
            torch.read_checkpoint(_bytes_of(other), roots[1]),
        )
        return _as_same(compare_contents(*values, looking, meaning=torch.tensor_meaning))
    if skops.SCHEMA in one and skops.SCHEMA in other:
        trees = skops.read_skops(_bytes_of(one)), skops.read_skops(_bytes_of(other))
        return _as_same(compare_contents(*trees, looking))
    if office.is_office(one) and office.is_office(other):
        return _as_same(find_worst(_office_differences(one, other, looking)))
    if all(name.endswith(_ARRAY) for name in (*one, *other)):
        return _as_same(compare_contents(_read_arrays(one), _read_arrays(other), looking))
    return compare_members(one, other, looking)


def _read_arrays(members: Mapping[str, Member]) -> dict[str, Any]:
    """The arrays of a file of NumPy by their names."""
    return {name.removesuffix(_ARRAY): read_npy(member.data) for name, member in members.items()}


def compare_members(a: Mapping[str, Member], b: Mapping[str, Member], looking: Looking) -> Finding:
    """Each file of two archives; all are looked at."""
    if looking.depth >= _DEEPEST:
        return make_unknown("the bytes differ, and it is an archive in too many archives")
    return _as_same(find_worst([*_compare_members(a, b, looking)]))


def _compare_members(
    a: Mapping[str, Member], b: Mapping[str, Member], looking: Looking
) -> Iterator[Finding]:
    for name, twin in match_names([*a], [*b], looking.of_a, looking.of_b):
        if name is None or twin is None:
            yield make_diverged(name or twin or "", "is new" if name is None else "is missing")
        elif a[name].facts != b[twin].facts:
            yield make_diverged(twin, f"{b[twin].facts}, was {a[name].facts}")
        else:
            found = looking.compare_inside(twin, a[name].data, b[twin].data)
            yield found._replace(where=", ".join(filter(None, (twin, found.where))))


def _office_differences(
    a: Mapping[str, Member], b: Mapping[str, Member], looking: Looking
) -> Iterator[Finding]:
    """The cells of sheets by their heads, and all other parts as markup."""
    sheets = office.read_sheets(a), office.read_sheets(b)
    yield compare_contents(*sheets, looking)
    left, right = ({name: _clean_member(name, member) for name, member in of.items()} for of in (a, b))
    told = {*sheets[0]} & {*sheets[1]}
    for members in (left, right):
        for name in [*members]:
            if name in told or (told and office.is_sheet_part(name)):
                del members[name]
    yield compare_members(left, right, looking)


def _clean_member(name: str, member: Member) -> Member:
    text = decode_text(member.data) if name.endswith(".xml") else None
    return member if text is None else member._replace(data=office.clean_facts(text).encode())


def _bytes_of(members: Mapping[str, Member]) -> dict[str, bytes]:
    return {name: member.data for name, member in members.items()}


def _as_same(found: Finding) -> Finding:
    return found._replace(note="the same content") if found == IDENTICAL else found
