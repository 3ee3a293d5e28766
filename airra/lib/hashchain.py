"""An append-only hash chain: the canonical text of an entry, its link, and nothing of a database.

The hash of link n is SHA-256 over "airra-audit-1", n, the hash of link n-1 and the SHA-256 of the
body, one a line; before link 1 stands the hash of the chain's own id, so that no part of one chain
fits into another. Bodies are canonical JSON (RFC 8785). Free text stands in a body as a salted
digest, so that it can be erased later and the chain still holds.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import rfc8785

FORMAT = "airra-audit-1"
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_SAFE = 2**53 - 1  # beyond it, JSON's numbers are no longer exact, and databases differ


def plain(value: Any) -> Any:
    """The value as both databases store it and give it back, and as RFC 8785 can write it.

    Numbers that JSON cannot hold exactly become their text; so does everything that is no JSON.
    Characters that PostgreSQL or UTF-8 cannot hold become U+FFFD. Idempotent.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        number = int(value) if isinstance(value, int) else float(value)
        return number if abs(number) <= _SAFE else repr(number)  # NaN is not either
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return _text(str(value))


def _text(value: str) -> str:
    """A plain `str`, also of a StrEnum, without NUL and without halves of surrogate pairs."""
    text = str.__str__(value)
    if "\x00" in text or not text.isascii():
        return "".join("\ufffd" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def canonical(value: Any) -> bytes:
    """RFC 8785 of the plain value."""
    text = plain(value)
    if _is_simple(text):  # then Python's own encoder in C says the same, in a fifth of the time
        return _ENCODER.encode(text).encode()
    return rfc8785.dumps(text)


def _is_simple(value: Any) -> bool:
    """No floats, whose digits differ, and no keys that UTF-16 would sort in another order."""
    if isinstance(value, dict):
        return all(key.isascii() and _is_simple(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_is_simple, value))
    return not isinstance(value, float)


def fresh_salts(names: Iterable[str]) -> dict[str, str]:
    """A salt for each name: without one, a digest of a short text could simply be guessed."""
    return {name: secrets.token_hex(16) for name in names}


def digest(value: Any, salt: str) -> str:
    return hashlib.sha256(salt.encode() + canonical(value)).hexdigest()


def body_of(clear: Mapping[str, Any], sealed: Mapping[str, Any], salts: Mapping[str, str]) -> str:
    """The canonical body: what may stand there for ever in clear, the rest as salted digests."""
    digests = {name: digest(value, salts[name]) for name, value in sealed.items()}
    return canonical({**clear, "sealed": digests}).decode()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def genesis(chain: str) -> str:
    """What stands before link 1."""
    return sha(f"{FORMAT}\n{chain}")


def link_hash(seq: int, previous: str, body_sha: str) -> str:
    return sha(f"{FORMAT}\n{seq}\n{previous}\n{body_sha}")
