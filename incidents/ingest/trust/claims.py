"""What a delivery brings along to prove where it is from, and what is held against it."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

WINDOW_S = 300  # how far a sender's clock may be from ours, on either side


@dataclass(frozen=True)
class Arrival:
    """A body as it came. `token_mark` stands for the token that came along: see `mark_of`."""

    body: bytes
    received_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    token_mark: str = ""


@dataclass(frozen=True)
class Held:
    """A secret of the integration: a token by its mark, or a key that signs."""

    pk: int
    mark: str = ""
    key: bytes = field(default=b"", repr=False)
    expires_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        return self.expires_at is None or self.expires_at > moment


@dataclass(frozen=True)
class Trusted:
    """It is from who it says; `secret` proved it, where it was one of the integration's."""

    secret: int | None = None


@dataclass(frozen=True)
class Untrusted:
    """It is not proven. `is_signed`: what it was signed with is kept, so it can be asked again."""

    reason: str
    is_signed: bool = False


@dataclass(frozen=True)
class Undecided:
    """What is needed to judge could not be had just now; ask again."""

    reason: str


Verdict = Trusted | Untrusted | Undecided


class Unavailable(Exception):
    """A certificate could not be had; the message says why."""


# The PEM of a certificate by its address. Raises `Unavailable`.
Certificates = Callable[[str], bytes]


def token_in(headers: Mapping[str, str]) -> str:
    """The token a request carries: as bearer, as the password of basic, or as X-Api-Key."""
    scheme, _, given = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() == "basic":
        return _password(given)
    return headers.get("x-api-key", "").strip()


def _password(given: str) -> str:
    try:
        pair = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(":")[2]


def mark_of(digest: str, *, pepper: bytes) -> str:
    """What stands for a token in a delivery, so that it can be judged later and not be tried out.

    `digest` is the token's SHA-256 in hex; without the pepper nobody can tell a guess is right.
    """
    return hmac.digest(pepper, digest.encode(), "sha256").hex()


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def by_token(arrival: Arrival, held: Sequence[Held]) -> Verdict:
    """By a token that still holds; every one is compared, so that the time taken tells nothing."""
    if not arrival.token_mark:
        return Untrusted("no token came with it")
    tokens = [secret for secret in held if secret.mark]
    equal = [s for s in tokens if hmac.compare_digest(s.mark, arrival.token_mark)]
    good = [secret for secret in equal if secret.holds_at(arrival.received_at)]
    if good:
        return Trusted(good[0].pk)
    return Untrusted("the token has run out" if equal else "the token is not this integration's")
