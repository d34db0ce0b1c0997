"""The source of a run can be put together again, to the byte, from what the store keeps of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from reprise.runner.capture import source
from reprise.runner.planning import guards
from reprise.runner.sources import provenance
from reprise.schemas import tags
from reprise.schemas.job import Checkout
from tests.conftest import ProjectFolder
from tests.fakes.repositories import commit, git, make
from tests.runner.capture.recorded import objects, put_together, record_of, tree

pytestmark = pytest.mark.slow

Write = Callable[[Mapping[str, str]], ProjectFolder]

FILES = {"MLproject": "entry_points: {main: {command: 'true'}}", "train.py": "a\nb\n", "old.py": "x\n"}


@pytest.fixture
def committed(project: Write) -> ProjectFolder:
    demo = project(FILES)
    git(demo.path, "init", "--quiet", "--initial-branch=main")
    commit(demo.path, {"data/big.csv": "1\n" * 100}, "first")
    return demo


def test_a_clean_tree_is_its_commit_and_nothing_else(committed: ProjectFolder, tmp_path: Path) -> None:
    assert committed.run().exit_code == 0
    record = record_of(committed)
    source = record.source
    assert (source.kind, source.branch, source.dirty) == ("git", "main", False)
    assert (source.patch, source.files, source.left_out) == (None, (), ())
    expected = tree(committed.path)
    shutil.rmtree(committed.path)
    assert tree(put_together(record, tmp_path / "again")) == expected


def test_a_dirty_tree_is_restored_to_the_byte(committed: ProjectFolder, tmp_path: Path) -> None:
    root = committed.path
    commit(root, {"gone.py": "gone\n", "moved.py": "moved\n" * 9, "run.sh": "#!/bin/sh\n"}, "second")
    (root / "train.py").write_bytes(b"a\r\nchanged \xff\xfe")  # not staged, and no text
    (root / "old.py").write_text("staged\n")
    (root / "picture.png").write_bytes(bytes(range(256)) * 9)
    (root / "run.sh").chmod(0o755)
    (root / "moved.py").rename(root / "moved here.py")
    (root / "gone.py").unlink()
    git(root, "add", "old.py", "picture.png", "moved here.py", "moved.py")
    (root / "old.py").write_text("staged, then changed\n")
    (root / "new").mkdir()
    (root / "new" / "módulo\n.py").write_text("untracked\n")
    (root / "new" / "tool").write_text("#!/bin/sh\n")
    (root / "new" / "tool").chmod(0o755)
    (root / "new" / "link").symlink_to("../nowhere")
    (root / ".gitignore").write_text("ignored/\n")
    (root / "ignored").mkdir()
    (root / "ignored" / "cache").write_text("not to be kept")
    assert committed.run().exit_code == 0
    record = record_of(committed)
    expected = tree(root)
    del expected["ignored/cache"]
    assert record.source.dirty
    assert {file.path for file in record.source.files} >= {"new/módulo\n.py", "new/tool", "new/link"}
    shutil.rmtree(root)
    assert tree(put_together(record, tmp_path / "again")) == expected


def test_the_users_settings_do_not_change_the_patch(
    committed: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[diff]\n\tnoprefix = true\n\tmnemonicPrefix = true\n\texternal = false\n\trenames = copies\n"
        "[color]\n\tui = always\n[core]\n\tquotePath = true\n[status]\n\tshowUntrackedFiles = no\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    (committed.path / "train.py").write_text("ä\n")
    (committed.path / "new.py").write_text("new\n")
    expected = tree(committed.path)
    assert committed.run().exit_code == 0
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    assert tree(put_together(record_of(committed), tmp_path / "again")) == expected


def test_submodules_are_kept_as_they_were_checked_out(
    project: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = make(tmp_path / "lib", {"lib.py": "1\n"})
    demo = project(FILES)
    git(demo.path, "init", "--quiet")
    git(demo.path, "submodule", "--quiet", "add", str(lib), "parts/lib")
    commit(demo.path, {}, "first")
    inside = demo.path / "parts" / "lib"
    later = commit(inside, {"lib.py": "2\n"}, "nobody has pushed this")
    (inside / "lib.py").write_text("3\n")
    (inside / "new.py").write_text("new\n")
    (demo.path / "train.py").write_text("changed\n")
    assert demo.run().exit_code == 0
    record = record_of(demo)
    expected = tree(demo.path)
    (module,) = record.source.submodules
    assert (module.path, module.commit, module.url) == ("parts/lib", later, str(lib))
    shutil.rmtree(demo.path)
    shutil.rmtree(lib)
    assert tree(put_together(record, tmp_path / "again")) == expected


def test_content_is_stored_once_and_commits_build_on_each_other(committed: ProjectFolder) -> None:
    (committed.path / "new.py").write_text("new\n")
    committed.run()
    before = objects()
    committed.run()
    assert objects() == before
    (committed.path / "new.py").unlink()
    commit(committed.path, {"train.py": "changed\n"}, "second")
    committed.run()
    first, second = record_of(committed, 1).source, record_of(committed, 0).source
    assert first.snapshot == second.snapshot[:1]
    assert len(second.snapshot) == 2
    assert second.snapshot[1].size < first.snapshot[0].size


def test_a_folder_without_git_is_kept_file_by_file(project: Write, tmp_path: Path) -> None:
    demo = project(
        FILES | {"sub/mod.py": "m\n", ".gitignore": "*.log\nout/\n", "sub/.gitignore": "!a.log\n"}
    )
    expected = tree(demo.path)
    for name in ("x.log", "out/model.bin", "env/pyvenv.cfg", "env/lib/x.py", "__pycache__/a.pyc"):
        (demo.path / name).parent.mkdir(parents=True, exist_ok=True)
        (demo.path / name).write_text("made by running")
    assert demo.run().exit_code == 0
    record = record_of(demo)
    assert (record.source.kind, record.source.commit) == ("folder", None)
    shutil.rmtree(demo.path)
    assert tree(put_together(record, tmp_path / "again")) == expected


def test_the_store_in_the_project_is_not_part_of_it(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = project(FILES)
    monkeypatch.chdir(demo.path)
    demo.run()
    demo.run()
    assert {file.path for file in record_of(demo).source.files} == set(FILES)


def test_a_repository_without_a_commit_is_kept_file_by_file(project: Write) -> None:
    demo = project(FILES)
    git(demo.path, "init", "--quiet")
    demo.run()
    source = record_of(demo).source
    assert (source.kind, source.commit) == ("git", None)
    assert {file.path for file in source.files} == set(FILES)


def test_secrets_are_left_out_and_said(committed: ProjectFolder) -> None:
    root = committed.path
    commit(root, {"config/.env": "A=old\n"}, "a mistake that is in git already")
    (root / "config" / ".env").write_text("A=new secret\n")
    (root / "deploy.txt").write_text("-----BEGIN RSA PRIVATE KEY-----\nsecret\n")
    (root / ".aws").mkdir()
    (root / ".aws" / "config").write_text("secret")
    (root / "credentials-prod.json").write_text("secret")
    (root / ".env.example").write_text("A=\n")
    (root / "credentials.py").write_text("code\n")
    result = committed.run()
    assert result.exit_code == 0
    record = record_of(committed)
    assert {file.path for file in record.source.files} == {".env.example", "credentials.py"}
    left_out = {item.path: item.reason for item in record.source.left_out}
    assert set(left_out) == {"config/.env", "deploy.txt", ".aws/config", "credentials-prod.json"}
    assert left_out["deploy.txt"] == "it contains a private key"
    assert record.source.patch is None
    assert result.err.count("not stored with the run") == 1
    assert "credentials-prod.json" in committed.runs()[0].tags[tags.CAPTURE_INCOMPLETE]
    stored = b"".join(path.read_bytes() for path in Path("mlruns/objects").rglob("*") if path.is_file())
    assert b"secret" not in stored


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a/.env", True),
        ("prod.env", True),
        (".ENV.local", True),
        ("id_ed25519", True),
        ("id_ed25519.pub", False),
        ("server.key", True),
        ("secrets.toml", True),
        ("my-service-account-3.json", True),
        (".streamlit/secrets.toml", True),
        ("tokenizer.json", False),
        ("secretary.py", False),
        ("secretary.csv", False),
        ("data/insulin_secretion.csv", False),
        ("secretion.yaml", False),
        ("accreditation_credentialing.txt", False),
        ("tokens.txt", False),
        ("token_embeddings.json", False),
        ("password_strength.json", False),
        ("id_rsa_sizes.csv", False),
        ("credentials.csv", False),
        ("monkeys.txt", False),
        ("secrets.yaml", True),
        ("credentials.json", True),
        ("api_key.txt", True),
        ("apiKey.json", True),
        ("APIKey", True),
        ("openai-api-key.txt", True),
        ("token.json", True),
        ("access_token.json", True),
        ("password.txt", True),
        ("client_secret_123.apps.json", True),
        ("serviceAccountKey.json", True),
        ("id_rsa", True),
        ("id_rsa.bak", True),
        ("environment.yaml", False),
        ("keys.py", False),
    ],
)
def test_names_of_secrets(name: str, reason: bool) -> None:
    assert bool(guards.find_secret(name)) is reason


def test_a_table_is_a_secret_when_a_key_is_in_it() -> None:
    header = b"User name,Access key ID,Secret access key\n"
    assert guards.find_secret("credentials.csv", header + b"me,AKIAIOSFODNN7EXAMPLE,wJalr\n")
    assert not guards.find_secret("credentials.csv", header + b"me,,\n")
    assert guards.find_secret("secretary.csv", b"-----BEGIN PRIVATE KEY-----\n")


def test_what_is_too_large_is_left_out_and_the_rest_kept(
    committed: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CAPTURE_LIMIT", "50 kB")
    (committed.path / "large.bin").write_bytes(b"x" * 10_001)
    (committed.path / "data/big.csv").write_text("2\n" * 6000)
    for number in range(8):
        (committed.path / f"part{number}.bin").write_bytes(bytes([number]) * 9000)
    (committed.path / "small.py").write_text("small\n")
    committed.run()
    source = record_of(committed).source
    assert source.patch is None
    kept = [file.path for file in source.files]
    assert kept == [*(f"part{number}.bin" for number in range(5)), "small.py"]
    left_out = {item.path: item for item in source.left_out}
    assert left_out["large.bin"].size == 10_001
    assert "more than 10 kB" in left_out["large.bin"].reason
    assert "data/big.csv" in left_out
    assert {"part5.bin", "part6.bin", "part7.bin"} < set(left_out)


def test_a_limit_that_is_no_size_is_told_before_there_is_a_run(
    committed: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CAPTURE_LIMIT", "lots")
    result = committed.run()
    assert result.exit_code == 2
    assert 'REPRISE_CAPTURE_LIMIT is "lots"' in result.err
    assert committed.runs() == []


def test_many_things_left_out_are_summed_up(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRISE_CAPTURE_LIMIT", "0")
    demo = project({**FILES, **{f"f{number:03}.py": "xx" for number in range(150)}})
    demo.run()
    left_out = record_of(demo).source.left_out
    assert len(left_out) == 101
    assert (left_out[-1].path, left_out[-1].reason.split()[0]) == (".", "53")


def test_a_commit_that_is_too_large_and_nowhere_else_is_told(
    committed: ProjectFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRISE_CAPTURE_LIMIT", "100")
    for _ in range(2):  # the second time it is known
        committed.run()
        record = record_of(committed)
        assert record.source.snapshot == ()
        assert "has more than 100 bytes" in record.notes[0]
    git(tmp_path, "clone", "--quiet", "--bare", str(committed.path), "remote.git")
    git(committed.path, "remote", "add", "--fetch", "origin", str(tmp_path / "remote.git"))
    committed.run()
    assert record_of(committed).notes == ()


def test_what_docker_ignores_is_no_part_of_a_docker_project(house: Path, tmp_path: Path) -> None:
    root = make(tmp_path / "repository", {"p/MLproject": ""})
    for name in ("p/data/a.csv", "p/a.txt", "p/deep/a.txt", "p/keep.txt", "a.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    (root / "p" / ".dockerignore").write_text("# no data\ndata\n*.txt\n!keep.txt\n")
    repository = provenance.read_repository(root)
    assert repository is not None
    checkout = Checkout(root / "p", "p", repository=repository)
    kept = partial(
        source.capture_source,
        source.outline_source(checkout),
        checkout,
        tmp_path / "o",
        guards.capture_limit(),
    )
    names = {file.path for file in kept(docker=True).record.files}
    assert names == {"p/.dockerignore", "p/deep/a.txt", "p/keep.txt", "a.txt"}
    assert len(kept(docker=False).record.files) == 6


def test_a_repository_inside_is_not_kept_and_told(committed: ProjectFolder) -> None:
    make(committed.path / "nested", {"a.py": "x"})
    result = committed.run()
    assert result.exit_code == 0
    reasons = {item.path: item.reason for item in record_of(committed).source.left_out}
    assert reasons["nested/"] == "it is a separate git repository"


@pytest.mark.parametrize("broken", ["index", "objects"])
def test_a_capture_that_fails_does_not_fail_the_run(committed: ProjectFolder, broken: str) -> None:
    (committed.path / "new.py").write_text("new\n")
    if broken == "index":  # of a submodule, which `git status` of the project does not look into
        make(committed.path / "sub", {"a.py": "x"})
        git(committed.path, "submodule", "--quiet", "add", "./sub", "sub")
        commit(committed.path, {}, "second")
        (committed.path / "sub" / "a.py").write_text("y")
        (committed.path / "new.py").write_text("new\n")
        head = git(committed.path, "rev-parse", "HEAD^{tree}")
        (committed.path / ".git" / "objects" / head[:2] / head[2:]).unlink()
    else:
        committed.run()
        shutil.rmtree("mlruns/objects")
        Path("mlruns/objects").write_text("in the way")
    result = committed.run()
    assert result.exit_code == 0
    assert committed.runs()[0].status == "FINISHED"
    assert "warning" in result.err
