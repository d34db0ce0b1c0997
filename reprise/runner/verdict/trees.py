"""The sources of runs as trees of git, in a repository of their own: nothing of the user's is written to.

The commit is taken from the repository that the run was started in, from the cache, or from what was kept
with the run; the patch and the files that git did not track come on top. So any two sources can be
compared, whether they came from git or not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reprise import process
from reprise.errors import RepriseError, SourceError
from reprise.file_lock import scratch
from reprise.runner.record import contents
from reprise.runner.sources.mirror import Mirror
from reprise.runner.vcs import git, remotes, repositories
from reprise.runner.verdict.recorded import Recorded
from reprise.schemas import tags
from reprise.schemas.record.run_record import Content, SourceRecord
from reprise.schemas.work_tree import APART

_SHA256 = 64  # digits of a commit in a repository of that kind


class GitTrees:
    """Trees in the repository ``folder``, whose work tree stays empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make_tree(self, run: Recorded) -> str:
        """Return the id of the tree of the run's source.

        Raises:
            RepriseError: its commit is not available, or stored files are missing.
        """
        assert run.record is not None
        source, index = run.record.source, self._read_commits(run)
        if source.patch is not None:
            patch = read_content(run, source.patch)
            self._run_git(index, "apply", "--cached", "--whitespace=nowarn", "-", stdin=patch)
        self._remove_paths(index, [item.path for item in source.absent])
        self._add_source(index, run, source)
        return self._run_git(index, "write-tree").strip()

    def make_committed_tree(self, run: Recorded) -> str:
        """The id of the tree that the commits of the run hold, as :meth:`make_tree`."""
        return self._run_git(self._read_commits(run), "write-tree").strip()

    def diff_trees(self, a: str, b: str, *, most: int = -1) -> str:
        """The unified diff that makes ``b`` of the tree ``a``: its first ``most`` bytes, -1 for all."""
        options = ("--no-color", "--no-ext-diff", "--no-textconv", "--find-renames")
        done = process.beginning(
            ["git", "diff", *options, a, b], most, cwd=self._folder, environ=git.make_environment()
        )
        if done.exit_code != 0:
            raise SourceError(f"git diff ended with exit code {done.exit_code}")
        return done.stdout

    def _read_commits(self, run: Recorded) -> dict[str, str]:
        """An index with the files of the run's commit, and of those of submodules; how git finds it."""
        assert run.record is not None
        source = run.record.source
        index = {"GIT_INDEX_FILE": str(self._folder / f"index-{run.run_id}")}
        if source.commit is not None:
            self._obtain_commit(run, source.commit, source.snapshot, _places_of(run))
            self._run_git(index, "read-tree", source.commit)
        for module in source.submodules:
            places = [*(folder / module.path for folder in _folders_of(run)), *_find_mirror(module.url)]
            self._obtain_commit(run, module.commit, module.snapshot, places)
            self._put_entries(
                index, [f"0 {'0' * len(module.commit)}\t{module.path}"]
            )  # the link to its commit
            self._run_git(index, "read-tree", f"--prefix={module.path}/", module.commit)
        return index

    def _remove_paths(self, index: dict[str, str], paths: Sequence[str]) -> None:
        """Remove files from the index, and all below those that are folders."""
        if paths:
            listed = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
            options = ("-r", "--cached", "--quiet", "--force", "--ignore-unmatch")
            given = ("--pathspec-from-file=-", "--pathspec-file-nul")
            self._run_git({**index, "GIT_LITERAL_PATHSPECS": "1"}, "rm", *options, *given, stdin=listed)

    def _add_source(self, index: dict[str, str], run: Recorded, source: SourceRecord) -> None:
        files = [file for file in source.files if file.standing not in APART]
        if files:
            blobs = self._write_blobs(read_content(run, file.content) for file in files)
            pairs = zip(files, blobs, strict=True)
            self._put_entries(index, [f"{file.mode} {blob}\t{file.path}" for file, blob in pairs])

    def _write_blobs(self, contents: Iterable[bytes]) -> list[str]:
        """The ids of the contents; one process writes all of them, for there may be thousands."""
        with tempfile.TemporaryFile(dir=self._folder) as stream:
            number = 0
            for number, data in enumerate(contents, 1):
                stream.write(b"blob\nmark :%d\ndata %d\n%b\n" % (number, len(data), data))
            stream.seek(0)
            marks = self._folder / "marks"
            self._run_git({}, "fast-import", "--quiet", f"--export-marks={marks}", stdin=stream)
        lines = (line.removeprefix(":").split() for line in marks.read_text(encoding="ascii").splitlines())
        ids = {int(mark): blob for mark, blob in lines}
        return [ids[mark] for mark in range(1, number + 1)]

    def _put_entries(self, index: dict[str, str], entries: Iterable[str]) -> None:
        listed = "".join(f"{entry}\0" for entry in entries).encode("utf-8", "surrogateescape")
        self._run_git(index, "update-index", "-z", "--index-info", stdin=listed)

    def _obtain_commit(
        self, run: Recorded, commit: str, packs: Iterable[Content], places: Iterable[Path]
    ) -> None:
        """Have the objects of a commit in reach."""
        if self._has_commit(commit):
            return
        for place in places:
            found = repositories.ask_git(
                place, "rev-parse", "--path-format=absolute", "--git-path", "objects"
            )
            if found.exit_code == 0:
                alternates = self._folder / ".git" / "objects" / "info" / "alternates"
                with alternates.open("a", encoding="utf-8") as stream:
                    stream.write(found.text.strip() + "\n")
                if self._has_commit(commit):
                    return
        for pack in packs:
            self._run_git({}, "index-pack", "--stdin", stdin=read_content(run, pack))
        if not self._has_commit(commit):
            raise SourceError(f"commit {commit} is not available")

    def _has_commit(self, commit: str) -> bool:
        return git.run_git("cat-file", "-e", f"{commit}^{{tree}}", cwd=self._folder).exit_code == 0

    def _run_git(
        self, environ: dict[str, str], *arguments: str, stdin: bytes | IO[bytes] | None = None
    ) -> str:
        done = process.run(
            ["git", *arguments],
            cwd=self._folder,
            environ={**git.make_environment(), **environ},
            check=False,
            stdin=stdin,
        )
        if done.exit_code != 0:
            raise SourceError(f"git {arguments[0]}: {git.find_reason(done.stderr)}")
        return done.stdout


@contextmanager
def open_trees(*runs: Recorded) -> Iterator[GitTrees]:
    """A repository for the sources of ``runs``, for the time of the block.

    Raises:
        SourceError: there is no git, or the runs' commits are of two kinds.
    """
    commits = {len(run.record.source.commit or "") for run in runs if run.record} - {0}
    if len(commits) > 1:
        raise SourceError("one source is in a repository of SHA-1, the other in one of SHA-256")
    kind = "sha256" if commits == {_SHA256} else "sha1"
    with scratch() as folder:
        made = git.run_git("init", "--quiet", "--template=", f"--object-format={kind}", cwd=folder)
        if made.exit_code != 0:
            raise SourceError(f"git init: {git.find_reason(made.stderr)}")
        (folder / ".git" / "objects" / "info").mkdir(exist_ok=True)
        yield GitTrees(folder)


def _places_of(run: Recorded) -> list[Path]:
    """The repositories of this machine that may know the run's commit."""
    assert run.record is not None
    source = run.record.source
    return [*_folders_of(run), *_find_mirror(source.url), *_find_mirror(source.uri.partition("#")[0])]


def _folders_of(run: Recorded) -> list[Path]:
    """Those that the run was started in, where they may be opened."""
    assert run.record is not None
    if not run.opens_folders:
        return []
    named = [run.run.tags.get(tags.SOURCE_NAME, ""), run.record.source.uri]
    folders = [Path(text.partition("#")[0].removeprefix("file://")) for text in named]
    return [folder for folder in folders if folder.is_absolute() and folder.is_dir()]


def _find_mirror(url: str | None) -> list[Path]:
    folder = Mirror(remotes.Remote(url), offline=True).folder if url else None
    return [folder] if folder and folder.is_dir() else []


def read_content(run: Recorded, content: Content) -> bytes:
    with contents.open_content(run.tracking, run.run_id, content.digest) as stream:
        return stream.read()


NOT_AT_HAND = (RepriseError, OSError, UnicodeError)
"""Why a tree cannot be made."""
