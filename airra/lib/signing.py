"""Signatures that somebody outside can check: Ed25519, with AIRRA_AUDIT_KEY or a derived key."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings


class BadKey(Exception):
    """The text is no key; the message says what is expected and never repeats the text."""


@dataclass(frozen=True)
class SigningKey:
    """`is_derived`: from AIRRA_SECRET_KEY, so whoever has that one can sign too."""

    private: Ed25519PrivateKey
    is_derived: bool

    @property
    def public(self) -> str:
        """The 32 bytes of the public key in base64."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    @property
    def key_id(self) -> str:
        return key_id(self.public)

    def sign(self, message: bytes) -> str:
        return base64.b64encode(self.private.sign(message)).decode()


def key_id(public: str) -> str:
    """The first 16 hex digits of the public key's SHA-256. Raises `BadKey`."""
    return hashlib.sha256(_public_bytes(public)).hexdigest()[:16]


def signing_key() -> SigningKey:
    """The key of this installation. Raises `BadKey`."""
    return _key(settings.AUDIT_KEY, settings.SECRET_KEY)


@lru_cache(maxsize=4)
def _key(given: str, secret: str) -> SigningKey:
    if given:
        return SigningKey(_private(given), is_derived=False)
    seed = HKDF(SHA256(), length=32, salt=None, info=b"airra audit checkpoints 1")
    return SigningKey(Ed25519PrivateKey.from_private_bytes(seed.derive(secret.encode())), True)  # noqa: FBT003 - a field of a dataclass


def _private(given: str) -> Ed25519PrivateKey:
    if "PRIVATE KEY" in given:
        try:
            loaded = load_pem_private_key(given.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            msg = "AIRRA_AUDIT_KEY holds a PEM that is no unencrypted private key"
            raise BadKey(msg) from error
        if not isinstance(loaded, Ed25519PrivateKey):
            msg = "AIRRA_AUDIT_KEY holds a key that is not of the kind Ed25519"
            raise BadKey(msg)
        return loaded
    seed = _decoded(given)
    if len(seed) != 32:
        msg = (
            "AIRRA_AUDIT_KEY: expected 32 bytes in base64 or hex (openssl rand -base64 32), "
            "or an Ed25519 private key in PEM"
        )
        raise BadKey(msg)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _decoded(text: str) -> bytes:
    """Hex where it is 64 hex digits, else base64; empty when it is neither."""
    try:
        if len(text) == 64:
            return bytes.fromhex(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _public_bytes(public: str) -> bytes:
    raw = _decoded(public.strip())
    if len(raw) != 32:
        msg = f"{public[:60]!r} is no public key: expected 32 bytes in base64"
        raise BadKey(msg)
    return raw


def is_signed(message: bytes, signature: str, public: str) -> bool:
    """Whether the holder of `public` signed exactly this. Raises `BadKey` for no public key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(_public_bytes(public))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
