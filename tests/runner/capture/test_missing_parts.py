"""What a commit names and this machine does not have is said when a run starts, with what helps."""

from __future__ import annotations

from pathlib import Path

from reprise.runner.capture.missing_parts import find_lacking
from reprise.runner.sources import provenance
from tests.fakes.repositories import commit, git, make


def lacking(root: Path) -> list[str]:
    repository = provenance.read_repository(root)
    assert repository is not None
    return list(find_lacking(repository))


def test_submodules_pointers_and_partial_clones(house: Path, tmp_path: Path) -> None:
    part = make(tmp_path / "part", {"a.txt": "a\n"})
    root = make(tmp_path / "project", {"MLproject": "", "x/1.txt": "1\n", "y/2.txt": "2\n"})
    assert lacking(root) == []
    git(root, "submodule", "--quiet", "add", str(part), "parts/one")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"
    commit(root, {".gitattributes": "*.bin filter=lfs\n", "model.bin": pointer}, "all")
    git(root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--sparse", root.as_uri(), "clone")
    modules, large, partial = lacking(tmp_path / "clone")
    assert "parts/one is not checked out (git submodule update --init" in modules
    assert "model.bin is a pointer of Git LFS" in large and "git lfs pull" in large
    assert "partial clone: 2 objects are not on this machine" in partial
    git(tmp_path / "clone", "fetch", "--quiet", "--refetch", "--no-filter")
    git(tmp_path / "clone", "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    (tmp_path / "clone" / "model.bin").write_text("content")
    assert lacking(tmp_path / "clone") == []
