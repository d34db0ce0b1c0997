"""How the files of runs, logged models and traces are copied and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path

from reprise.named_tuple import NamedTuple
from reprise.schemas.entities import LoggedModel, Run
from reprise.tracking.copy.census import UNEXPLAINED
from reprise.tracking.copy.job import REFUSALS, CopyJob, reason_of
from reprise.tracking.copy.named_files import missing_files
from reprise.tracking.protocols.copying import (
    CopyPlace,
    Fault,
    Owner,
    Put,
    SourceFile,
    UnreachableFile,
    Unseen,
    title_of,
)
from reprise.units import counted

_LOST = "it was logged, and is not in the folder of the source"


class _Waiting(NamedTuple):
    """An owner whose files were not found; ``was_whole`` when an earlier copy had found them."""

    owner: Owner
    place: CopyPlace
    was_whole: bool


class FileTransfer:
    """``end_waiting`` reports all owners whose files were not found, once for each root."""

    def __init__(self, job: CopyJob) -> None:
        self._job = job
        self._waiting: dict[Unseen | UnreachableFile, list[_Waiting]] = {}

    def bring_files(self, owner: Owner, place: CopyPlace | None, put: Put) -> None:
        """Copy the files of ``owner`` to ``place``, and count them; None if the owner is missing."""
        if not self._job.artifacts:
            if place is not None and self._job.writes:
                self._job.destination.finish_copy(place, saw_files=put.saw_files)
            return
        known = {} if place is None else self._job.destination.list_files(place)
        theirs: dict[str, SourceFile] = {}
        is_whole = True
        try:
            for item in self._job.source.list_files(owner):
                if isinstance(item, Unseen | UnreachableFile):
                    if place is not None:
                        waiting = _Waiting(owner, place, put.saw_files or bool(known))
                        self._waiting.setdefault(item, []).append(waiting)
                    return
                if isinstance(item, Fault):
                    self._job.tally.hear_source(item)
                    is_whole = False
                else:
                    theirs[item.path] = item
        except REFUSALS as error:
            self._job.tally.count_pieces("files", unknown=1)
            self._job.tally.add_difference(Fault("files", title_of(owner), "", reason_of(error)))
            is_whole = False
        is_whole &= self._name_lost(owner, theirs, known)
        if self._job.writes and place is not None:
            late = [file for file in theirs.values() if not _is_there(file, known)]
            for file in late:
                self._send_file(owner, place, file)
            known = self._job.destination.list_files(place) if late else known
        is_whole &= self._compare_files(owner, place, theirs, known)
        if is_whole and self._job.writes and place is not None:
            self._job.destination.finish_copy(place, saw_files=True)

    def _name_lost(self, owner: Owner, theirs: Collection[str], ours: Collection[str]) -> bool:
        """Add the files that the owner names and lacks to the census; whether there are none."""

        def read(path: str) -> Path:
            return stack.enter_context(self._job.source.open_file(owner, path))

        try:
            with ExitStack() as stack:
                lost = missing_files(owner, theirs, ours, read)
        except REFUSALS as error:
            self._job.tally.add_note(
                f"the files that {title_of(owner)} names are not known: {reason_of(error)}"
            )
            return True
        for path in lost:
            self._job.tally.hear_source(Fault("files", title_of(owner), path, _LOST))
        return not lost

    def end_waiting(self) -> None:
        """Of all that is waiting it is known now whether it had files."""
        for unseen, waiting in self._waiting.items():
            if isinstance(unseen, Unseen) and self._job.source.is_reached(unseen.root):
                self._finish_waiting(waiting)
                continue
            whole = [item for item in waiting if item.was_whole]
            rest = [item for item in waiting if not item.was_whole]
            if whole:
                self._job.tally.add_note(
                    f"the files of {_count_waiting(whole)} were copied before and are not compared now:"
                    f" they were kept below {unseen.root}, which {unseen.reason}"
                )
                self._finish_waiting(whole)
            if rest:
                self._job.tally.count_pieces("files", unknown=len(rest))
                reason = f"artifacts were kept below {unseen.root}, which {unseen.reason}"
                self._job.tally.add_difference(
                    Fault("files", _count_waiting(rest), "", reason, 0, unseen.hint)
                )
        self._waiting.clear()

    def _finish_waiting(self, waiting: list[_Waiting]) -> None:
        for item in waiting if self._job.writes else ():
            self._job.destination.finish_copy(item.place, saw_files=True)

    def _send_file(self, owner: Owner, place: CopyPlace, file: SourceFile) -> None:
        try:
            with self._job.source.open_file(owner, file.path) as local:
                self._job.destination.put_file(place, local, file.path)
        except REFUSALS as error:
            self._job.tally.explain_piece("files", title_of(owner), file.path, reason_of(error))

    def _compare_files(
        self,
        owner: Owner,
        place: CopyPlace | None,
        theirs: Mapping[str, SourceFile],
        ours: Mapping[str, SourceFile],
    ) -> bool:
        """Count the files; whether all of them are there as they should be."""
        is_whole = True
        for path, file in theirs.items():
            size = file.size or 0
            fault = None if place is None else self._find_fault(owner, place, file, ours.get(path))
            if place is not None and fault is None:
                self._job.tally.count_pieces("files", source=1, arrived=1)
                self._job.tally.count_pieces("bytes", source=size, arrived=size)
                continue
            is_there = path in ours
            self._job.tally.count_pieces(
                "files", source=1, different=int(is_there), left_out=int(not is_there)
            )
            self._job.tally.count_pieces(
                "bytes", source=size, different=size * is_there, left_out=size * (not is_there)
            )
            if fault is not None:
                self._job.tally.add_difference(fault)
                is_whole = False
        return is_whole

    def _find_fault(
        self, owner: Owner, place: CopyPlace, file: SourceFile, here: SourceFile | None
    ) -> Fault | None:
        """What is wrong with a file that was copied, if anything."""
        reason = self._job.tally.find_reason("files", title_of(owner), file.path)
        if here is None:
            return Fault("files", title_of(owner), file.path, reason or UNEXPLAINED)
        if file.size is not None and here.size is not None and file.size != here.size:
            differing = f"it has {file.size} bytes, here {here.size}"
            return Fault(
                "files", title_of(owner), file.path, f"{differing}: {reason}" if reason else differing
            )
        if not self._job.writes:
            try:
                with self._job.source.open_file(owner, file.path) as local, local.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
            except REFUSALS as error:
                return Fault("files", title_of(owner), file.path, f"it cannot be read: {reason_of(error)}")
            if digest != self._job.destination.digest_file(place, file.path):
                return Fault("files", title_of(owner), file.path, "its content is another one here")
        return None


def _is_there(file: SourceFile, known: Mapping[str, SourceFile]) -> bool:
    """Whether an earlier copy brought it, and it was not written again since."""
    here = known.get(file.path)
    if here is None or file.size is None or here.size != file.size:
        return False
    return file.modified is None or here.modified is None or file.modified <= here.modified


def _count_waiting(waiting: list[_Waiting]) -> str:
    """For example ``83 runs, 1 logged model``; a single one by its name."""
    if len(waiting) == 1:
        return title_of(waiting[0].owner)
    runs = sum(isinstance(item.owner, Run) for item in waiting)
    models = sum(isinstance(item.owner, LoggedModel) for item in waiting)
    kinds = ((runs, "run"), (models, "logged model"), (len(waiting) - runs - models, "trace"))
    return ", ".join(counted(number, kind) for number, kind in kinds if number)
