"""The provenance of a bundle in an envelope: DSSE, signed with an Ed25519 key."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.errors import SourceError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.bundle import layout
from reprise.schemas.json_text import read_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_MAKE_A_KEY = "create a key with openssl genpkey -algorithm ed25519"


class Signature(NamedTuple):
    """A signature; ``public_key`` are the bytes of its key, None if it does not contain it."""

    key_id: str
    value: bytes
    public_key: bytes | None = None


class Provenance(NamedTuple):
    """An envelope; ``statement`` is the parsed ``payload``; ``signatures`` are empty if it is not
    signed.
    """

    statement: Mapping[str, Any]
    payload: bytes
    signatures: tuple[Signature, ...] = ()


def private_key(file: Path) -> Ed25519PrivateKey:
    """The key in a PEM file without a password.

    Raises:
        UsageError: there is none, it is of another kind, or the library for it is not installed.
    """
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read_key(file), password=None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{file} does not contain a private key: {error}", hint=_MAKE_A_KEY) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{file} does not contain an Ed25519 key", hint=_MAKE_A_KEY)
    return key


def public_key(file: Path) -> Ed25519PublicKey:
    """The public key in a PEM file. Raises UsageError as :func:`private_key` does."""
    _require_library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read_key(file))
    except ValueError:
        hint = "openssl pkey -in KEY -pubout writes the public part of a private key"
        raise UsageError(f"{file} does not contain a public key", hint=hint) from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{file} does not contain an Ed25519 key")
    return key


def seal_statement(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the envelope of a statement, as one line of JSON."""
    public = key.public_key()
    signature = {
        "keyid": key_id(public),
        "sig": _encode_base64(key.sign(_encode_payload(payload))),
        "publicKey": _encode_base64(public.public_bytes_raw()),
    }
    envelope = {
        "payload": _encode_base64(payload),
        "payloadType": _PAYLOAD_TYPE,
        "signatures": [signature],
    }
    return json.dumps(envelope).encode()


def open_statement(line: bytes) -> Provenance:
    """A statement, bare or in an envelope, whose signatures are not checked yet.

    Raises:
        SourceError: it is neither.
    """
    try:
        data = read_json(line)
        if "payload" not in data:
            return Provenance(data, line)
        if data["payloadType"] != _PAYLOAD_TYPE:
            raise ValueError(f"its payload is {data['payloadType']}")
        payload = base64.b64decode(data["payload"], validate=True)
        return Provenance(read_json(payload), payload, tuple(map(_read_signature, data["signatures"])))
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"cannot read {layout.PROVENANCE}: {error}") from error


def _read_signature(data: Mapping[str, Any]) -> Signature:
    key = data.get("publicKey")
    return Signature(
        str(data.get("keyid", "")),
        base64.b64decode(data["sig"], validate=True),
        None if key is None else base64.b64decode(key, validate=True),
    )


def check_signatures(provenance: Provenance, signed_by: str | None) -> bool:
    """Return whether each signature matches the key in the bundle; the owner of that key is not known.

    False: there is no key in the bundle, or the library for signatures is not installed.

    Args:
        signed_by: the id of the key in the manifest.

    Raises:
        SourceError: a signature is broken, or the signature named in the manifest is missing.
    """
    if signed_by is not None and signed_by not in {item.key_id for item in provenance.signatures}:
        raise SourceError("the signature of the bundle was removed", hint="download it again")
    if not _has_library():
        return False
    fits = [_is_signed_by(signature, provenance.payload) for signature in provenance.signatures]
    return all(fits)


def _is_signed_by(signature: Signature, payload: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if signature.public_key is None:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(signature.public_key)
        key.verify(signature.value, _encode_payload(payload))
        is_named = key_id(key) == signature.key_id
    except (InvalidSignature, ValueError):
        is_named = False
    if not is_named:
        raise SourceError("the signature of the bundle is broken", hint="download it again")
    return True


def demand_signature(provenance: Provenance, key: Ed25519PublicKey) -> None:
    """Raises SourceError unless ``key`` has signed the statement."""
    from cryptography.exceptions import InvalidSignature

    if not provenance.signatures:
        raise SourceError("the bundle is not signed")
    for signature in provenance.signatures:
        try:
            key.verify(signature.value, _encode_payload(provenance.payload))
        except InvalidSignature:
            continue
        return
    raise SourceError("the bundle is not signed with this key, or was changed after that")


def _encode_payload(payload: bytes) -> bytes:
    """Return the signed bytes: the type and the content of the payload, each with its length."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(key: Ed25519PublicKey) -> str:
    """``sha256:`` and the digest of the public key."""
    return f"sha256:{hashlib.sha256(key.public_bytes_raw()).hexdigest()}"


def _encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _read_key(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the key {file}: {error.strerror or error}") from error


def _has_library() -> bool:
    import importlib.util

    return importlib.util.find_spec("cryptography") is not None


def _require_library() -> None:
    if not _has_library():
        raise UsageError(
            "signatures need the library cryptography, which is not installed here",
            hint="install it (reprise-ml[sign])",
        )
