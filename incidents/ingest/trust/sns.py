"""Messages of Amazon SNS: signed with a certificate of Amazon's, and from a topic that is listed.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. The topic is looked
at before anything is fetched, and certificates come from SNS's own hosts alone.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from incidents.ingest.trust.claims import (
    Arrival,
    Certificates,
    Trusted,
    Unavailable,
    Undecided,
    Untrusted,
    Verdict,
)

_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?")
_WINDOW_S = 2 * 3600  # SNS tries for an hour, with the time at which it was published
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_HASHES = {"1": SHA1, "2": SHA256}
_NEVER_NEEDED = ("Subject",)
_NO_MESSAGE = "it is no signed message of SNS: is raw message delivery on?"


def is_of_sns(url: str, *, suffix: str = "") -> bool:
    """Whether an address is https on a host of SNS, on its usual port; with `suffix` a file."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if any(ord(sign) <= 32 or ord(sign) > 126 for sign in url) or "\\" in url:
        return False
    is_plain = parts.scheme == "https" and port in {None, 443} and "@" not in parts.netloc
    has_more = bool(suffix and (parts.query or parts.fragment))
    return (
        is_plain
        and not has_more
        and bool(_HOST.fullmatch((parts.hostname or "").lower()))
        and parts.path.endswith(suffix)
    )


def by_certificate(
    arrival: Arrival, *, topics: Sequence[str], certificates: Certificates
) -> Verdict:
    """Whether SNS signed it, for a topic of `topics`."""
    message = _message(arrival.body)
    if message is None:
        return Untrusted(_NO_MESSAGE)
    if reason := _objection(message, topics, arrival.received_at):
        return Untrusted(reason, is_signed=True)
    url = message["SigningCertURL"]
    try:
        pem = certificates(url)
    except Unavailable as error:
        return Undecided(f"its certificate could not be had: {error}")
    reason = _mismatch(message, pem, arrival.received_at)
    return Untrusted(reason, is_signed=True) if reason else Trusted()


def _message(body: bytes) -> dict[str, str] | None:
    """The texts of a message; None when it is none, or lacks a part that is signed."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    needed = _SIGNED.get(texts.get("Type", ""))
    rest = ("Signature", "SignatureVersion", "SigningCertURL")
    if needed is None or any(
        name not in texts for name in (*needed, *rest) if name not in _NEVER_NEEDED
    ):
        return None
    return texts


def _objection(message: Mapping[str, str], topics: Sequence[str], received_at: datetime) -> str:
    """What speaks against it before its signature is looked at; empty when nothing does."""
    if message["TopicArn"] not in topics:
        return f"the topic {message['TopicArn'][:120]} is not listed for this integration"
    if message["SignatureVersion"] not in _HASHES:
        return f"signature version {message['SignatureVersion'][:20]!r} is neither 1 nor 2"
    if not is_of_sns(message["SigningCertURL"], suffix=".pem"):
        return "its certificate is not at an address of SNS"
    try:
        told = datetime.fromisoformat(message["Timestamp"])
        off_s = (received_at - told).total_seconds()
    except (ValueError, TypeError):
        return "its Timestamp is no time"
    if abs(off_s) > _WINDOW_S:
        return f"it was published {off_s:.0f} s before it arrived: more than {_WINDOW_S} s"
    return ""


def text_to_sign(message: Mapping[str, str]) -> bytes:
    """Name and value of what its type signs, each on a line of its own."""
    names = [name for name in _SIGNED[message["Type"]] if name in message]
    text = "".join(f"{name}\n{message[name]}\n" for name in names)
    return text.encode("utf-8", "surrogatepass")


def _mismatch(message: Mapping[str, str], pem: bytes, received_at: datetime) -> str:
    """Why the signature does not prove the message; empty when it does."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except ValueError:
        return "what is at the address of its certificate is none"
    if not isinstance(key, RSAPublicKey):
        return "its certificate holds no RSA key"
    if not certificate.not_valid_before_utc <= received_at <= certificate.not_valid_after_utc:
        return "its certificate was not valid when it arrived"
    algorithm = _HASHES[message["SignatureVersion"]]()
    try:
        signature = base64.b64decode(message["Signature"], validate=True)
        key.verify(signature, text_to_sign(message), PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error, ValueError):
        return "its signature is not of the certificate it names"
    return ""
