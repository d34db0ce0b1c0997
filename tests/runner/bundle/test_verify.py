"""A changed byte, a foreign file, a wrong key and a hostile archive are found."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.runner.bundle.conftest import Traveller

pytestmark = pytest.mark.slow

SCRIPT = "track.artifact('m.txt', 'weights')\n"


def recorded(traveller: Traveller, *args: str) -> Path:
    run = traveller.golden.run(traveller.golden.project(SCRIPT), "--env-manager=local")
    return traveller.bundle(run, *args)


def rewritten(file: Path, changes: Mapping[str, bytes | None]) -> Path:
    """The bundle with other files in it, or without some."""
    other = file.with_name("other.zip")
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(other, "w") as target:
        names = [*source.namelist(), *(name for name in changes if name not in source.namelist())]
        for name in names:
            data = changes[name] if name in changes else source.read(name)
            if data is not None:
                target.writestr(name, data)
    return other


def read(file: Path, name: str) -> bytes:
    with zipfile.ZipFile(file) as opened:
        return opened.read(name)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return key_pair(tmp_path, "key")


def key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """A private and a public key, made by another tool than ours."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def test_changes_are_found(traveller: Traveller) -> None:
    changes: Mapping[str, bytes | None]
    file = recorded(traveller)
    whole = traveller.reprise("bundle", "verify", str(file))
    assert (whole.returncode, "is valid" in whole.stderr, "not signed" in whole.stderr) == (0, True, True)
    for changes, told in (
        ({"artifacts/m.txt": b"weightz"}, "artifacts/m.txt has changed: it is sha256:"),
        ({"source/train.py": None}, "source/train.py is missing"),
        ({"source/more.py": b""}, "source/more.py is not in the manifest"),
        ({"provenance.intoto.jsonl": None}, "has no provenance.intoto.jsonl"),
        ({"manifest.json": None}, "is not a bundle"),
        ({"manifest.json": b"[]"}, "cannot read"),
        ({"manifest.json": b'{"version": 99}'}, "use a newer version of reprise"),
    ):
        found = traveller.reprise("bundle", "verify", str(rewritten(file, changes)))
        assert (found.returncode, told in found.stderr) == (3, True), found.stderr
    broken = bytearray(file.read_bytes())
    broken[len(broken) // 2] ^= 1
    other = file.with_name("broken.zip")
    other.write_bytes(broken)
    assert traveller.reprise("bundle", "verify", str(other)).returncode == 3
    assert traveller.reprise("reproduce", str(other)).returncode == 3


def test_changed_artifact_with_a_changed_manifest(traveller: Traveller) -> None:
    file = recorded(traveller)
    manifest = json.loads(read(file, "manifest.json"))
    [entry] = [entry for entry in manifest["files"] if entry["path"] == "artifacts/m.txt"]
    entry["sha256"] = "6f2c7a4c" * 8
    changes: dict[str, bytes | None] = {"manifest.json": json.dumps(manifest).encode()}
    assert traveller.reprise("bundle", "verify", str(rewritten(file, changes))).returncode == 3
    del manifest["files"][manifest["files"].index(entry)]
    changes = {"manifest.json": json.dumps(manifest).encode(), "artifacts/m.txt": None}
    found = traveller.reprise("bundle", "verify", str(rewritten(file, changes)))
    assert (found.returncode, "is not about these files" in found.stderr) == (3, True)


def test_signed(traveller: Traveller, keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    file = recorded(traveller, "--sign", str(private))
    good = traveller.reprise("bundle", "verify", str(file), "--key", str(public), "--json")
    assert json.loads(good.stdout)["checked"] is True, good.stderr
    assert "the signer is not known" in traveller.reprise("bundle", "verify", str(file)).stderr
    _, stranger = key_pair(tmp_path, "stranger")
    other = traveller.reprise("bundle", "verify", str(file), "--key", str(stranger))
    assert (other.returncode, "not signed with this key" in other.stderr) == (3, True)
    envelope = json.loads(read(file, "provenance.intoto.jsonl"))
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["predicate"]["buildDefinition"]["externalParameters"]["entryPoint"] = "another"
    envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()
    changed = rewritten(file, {"provenance.intoto.jsonl": json.dumps(envelope).encode()})
    assert traveller.reprise("bundle", "verify", str(changed), "--key", str(public)).returncode == 3
    bare = rewritten(file, {"provenance.intoto.jsonl": json.dumps(said).encode()})
    unsigned = traveller.reprise("bundle", "verify", str(bare), "--key", str(public))
    assert (unsigned.returncode, "is not signed" in unsigned.stderr) == (3, True)


def test_a_signature_that_is_broken_or_gone(
    traveller: Traveller, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """It is an error also without --key, when a bundle is performed as when it is verified."""
    private, public = keys
    file = recorded(traveller, "--sign", str(private))
    envelope = json.loads(read(file, "provenance.intoto.jsonl"))
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[5] ^= 1
    forged = {**envelope["signatures"][0], "sig": base64.b64encode(bytes(signature)).decode()}
    broken = json.dumps({**envelope, "signatures": [forged]}).encode()
    for provenance, told in (
        (broken, "signature of the bundle is broken"),
        (base64.b64decode(envelope["payload"]), "was removed"),
    ):
        other = rewritten(file, {"provenance.intoto.jsonl": provenance})
        for command in (["bundle", "verify"], ["reproduce"]):
            found = traveller.reprise(*command, str(other))
            assert (found.returncode, told in found.stderr) == (3, True), found.stderr
    _, stranger = key_pair(tmp_path, "stranger")
    refused = traveller.reprise("reproduce", str(file), "--key", str(stranger))
    assert (refused.returncode, "not signed with this key" in refused.stderr) == (3, True)
    performed = traveller.reprise("reproduce", str(file), "--key", str(public))
    assert performed.returncode == 0, performed.stderr


def test_the_source_that_is_shown_is_the_one_that_runs(traveller: Traveller) -> None:
    file = resealed(recorded(traveller), {"source/train.py": b"print('harmless')\n"})
    for command in (["bundle", "verify"], ["reproduce"]):
        found = traveller.reprise(*command, str(file))
        assert (found.returncode, "differs from the source it runs: train.py" in found.stderr) == (
            3,
            True,
        )
    assert "Started run" not in found.stderr


def test_signature_is_what_others_check(
    traveller: Traveller, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys
    envelope = json.loads(read(recorded(traveller, "--sign", str(private)), "provenance.intoto.jsonl"))
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    (tmp_path / "signed").write_bytes(
        b"DSSEv1 28 " + kind + b" " + str(len(payload)).encode() + b" " + payload
    )
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    files = ["-in", str(tmp_path / "signed"), "-sigfile", str(tmp_path / "sig")]
    subprocess.run([*command, *files], check=True)


def test_statement(traveller: Traveller) -> None:
    file = recorded(traveller)
    said = json.loads(read(file, "provenance.intoto.jsonl"))
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    names = {item["name"] for item in said["subject"]}
    assert {"artifacts/m.txt", "artifacts/reprise/output.log", "manifest.json"} == names | {
        "artifacts/reprise/output.log"
    }
    definition = said["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"][0]["digest"].keys() == {"gitCommit"}
    assert said["predicate"]["runDetails"]["metadata"].keys() == {"invocationId", "startedOn", "finishedOn"}


def test_keys_that_are_none(traveller: Traveller, keys: tuple[Path, Path], tmp_path: Path) -> None:
    file = recorded(traveller)
    (tmp_path / "rsa.pem").write_text("no key")
    for option, key in (("--key", keys[0]), ("--key", tmp_path / "rsa.pem"), ("--key", tmp_path / "gone")):
        assert traveller.reprise("bundle", "verify", str(file), option, str(key)).returncode == 2
    uri = ("--tracking-uri", str(traveller.golden.store))
    refused = traveller.reprise("bundle", "@last", "--sign", str(keys[1]), *uri)
    assert (refused.returncode, "not contain a private key" in refused.stderr) == (2, True)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "source/../../evil"])
def test_hostile_names(traveller: Traveller, tmp_path: Path, name: str) -> None:
    file = tmp_path / "evil.zip"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, "x")
    for command in (["bundle", "verify"], ["reproduce"]):
        found = traveller.reprise(*command, str(file))
        assert (found.returncode, "outside the folder" in found.stderr) == (3, True)


def test_links_and_bombs(traveller: Traveller, tmp_path: Path) -> None:
    file = tmp_path / "link.zip"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("manifest.json", "{}")
        link = zipfile.ZipInfo("source")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "manifest.json")
    found = traveller.reprise("bundle", "verify", str(file))
    assert (found.returncode, "it contains a link" in found.stderr) == (3, True)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made, made.open("big", "w") as member:
        for _ in range(1100):
            member.write(bytes(1 << 20))
    found = traveller.reprise("bundle", "verify", str(bomb))
    assert (found.returncode, "unpacks to more than" in found.stderr) == (3, True)


def test_input_outside_of_the_bundle(traveller: Traveller) -> None:
    file = recorded(traveller)
    manifest = json.loads(read(file, "manifest.json"))
    manifest["inputs"] = {"data": "../../../etc/passwd"}
    changed = rewritten(file, {"manifest.json": json.dumps(manifest).encode()})
    found = traveller.reprise("bundle", "verify", str(changed))
    assert (found.returncode, "outside" in found.stderr) == (3, True), found.stderr


def resealed(file: Path, changes: Mapping[str, bytes | None]) -> Path:
    """The bundle with these changes, and a manifest and provenance that say so, as anybody can make it."""
    manifest = json.loads(read(file, "manifest.json"))
    kept = [entry for entry in manifest["files"] if entry["path"] not in changes]
    added = [
        {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for path, data in changes.items()
        if data is not None
    ]
    text = json.dumps({**manifest, "files": [*kept, *added]}).encode()
    said = json.loads(read(file, "provenance.intoto.jsonl"))
    for subject in said["subject"]:
        if subject["name"] == "manifest.json":
            subject["digest"]["sha256"] = hashlib.sha256(text).hexdigest()
    provenance = json.dumps(said).encode()
    return rewritten(file, {**changes, "manifest.json": text, "provenance.intoto.jsonl": provenance})


def test_what_a_run_is_brought_in_from_must_be_there(traveller: Traveller) -> None:
    file = recorded(traveller)
    for name in ("tracking.json", "artifacts/reprise/run.json"):
        found = traveller.reprise("reproduce", str(resealed(file, {name: None})), cwd=file.parent)
        assert (found.returncode, f"the bundle has no {name}" in found.stderr) == (3, True), found.stderr
    said = json.loads(read(file, "tracking.json"))
    said["run"]["run_id"] = "../" * 2000
    other = resealed(file, {"tracking.json": json.dumps(said).encode()})
    found = traveller.reprise("reproduce", str(other), cwd=file.parent)
    assert (found.returncode, "is not the id of a run" in found.stderr) == (3, True)
    assert len(found.stderr) < 500


def test_kept_file_that_git_would_obey(traveller: Traveller) -> None:
    file = recorded(traveller)
    record = json.loads(read(file, "artifacts/reprise/run.json"))
    kept = record["source"]["snapshot"][0]
    record["source"]["files"] = [{"path": "a/.GIT/config", "content": kept, "mode": "100644"}]
    other = resealed(file, {"artifacts/reprise/run.json": json.dumps(record).encode()})
    found = traveller.reprise("reproduce", str(other), cwd=file.parent)
    assert (found.returncode, "git's own folder" in found.stderr) == (3, True), found.stderr
