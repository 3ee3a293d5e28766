"""Bytes that only this installation can read: compressed, then encrypted and authenticated.

Fernet (AES-128-CBC with HMAC-SHA256), its key derived by HKDF from `AIRRA_PAYLOAD_KEY`, or from
`AIRRA_SECRET_KEY` where that is not set. Another key makes old bytes unreadable, never wrong.
"""

import base64
import zlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class CannotUnseal(Exception):
    """The bytes were sealed with another key, or are not whole."""


@lru_cache(maxsize=4)
def _fernet(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"airra sealed payloads 1")
    return Fernet(base64.urlsafe_b64encode(derived.derive(secret.encode())))


def _key() -> Fernet:
    return _fernet(settings.PAYLOAD_KEY or settings.SECRET_KEY)


def seal(plain: bytes) -> bytes:
    return _key().encrypt(zlib.compress(plain))


def unseal(sealed: bytes | memoryview) -> bytes:
    """The bytes as they were. Raises `CannotUnseal`."""
    try:
        return zlib.decompress(_key().decrypt(bytes(sealed)))
    except (InvalidToken, zlib.error) as error:
        msg = "it was sealed with another key, or it is damaged"
        raise CannotUnseal(msg) from error
