"""Signatures of packs: Ed25519 (RFC 8032) over the bytes of the file."""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from recsys.errors import ConfigError

_CONTEXT = b"recsys policy pack\n"  # a signature of something else is none of a pack


def make_key() -> bytes:
    """A new private key as PEM (PKCS 8, not encrypted)."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())


def public_key(private: bytes) -> str:
    """The public key of a private one, as base64 of its 32 bytes."""
    raw = _private(private).public_key().public_bytes(forms.Encoding.Raw, forms.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def key_id(public: str) -> str:
    """How a public key is named: the first 16 hexadecimal digits of the sha256 of its bytes."""
    return hashlib.sha256(_public(public).public_bytes_raw()).hexdigest()[:16]


def sign(pack: bytes, private: bytes) -> str:
    """The signature of a pack's bytes, in base64."""
    return base64.b64encode(_private(private).sign(_CONTEXT + pack)).decode()


def verified(pack: bytes, signature: str, public: str) -> bool:
    """Whether a signature of these bytes was made by the private half of a key; one that is garbage was not."""
    try:
        _public(public).verify(base64.b64decode(signature, validate=True), _CONTEXT + pack)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _private(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = forms.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise ConfigError("The key is no private key in PEM; make one with: recsys policy keys make.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("The key is not of the kind Ed25519; make one with: recsys policy keys make.")
    return key


def _public(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError):
        raise ConfigError(
            f"{text!r:.60} is no public key: write the base64 of 32 bytes, as recsys policy keys make prints it."
        ) from None
