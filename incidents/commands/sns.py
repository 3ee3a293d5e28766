"""What is asked of Amazon SNS itself: its certificates, and to confirm a subscription.

Both only at addresses on hosts of SNS, over HTTPS, without redirects. A subscription is confirmed
for a message that was proven to be of a listed topic, and the delivery tells the outcome.
"""

from urllib.parse import urlsplit

from django.core.cache import cache

from airra.lib.http import HttpClient, HttpError
from airra.lib.jobs import CACHE_IS_DOWN
from incidents.ingest.trust.claims import Unavailable
from incidents.ingest.trust.sns import is_of_sns
from incidents.models import Delivery

_KEPT_S = 24 * 3600
_FAILURE_KEPT_S = 60
_MAX_BYTES = 64 * 1024
_FAILED = "failed: "


def certificate(url: str) -> bytes:
    """The PEM at an address of SNS, from the cache where it can be. Raises `Unavailable`."""
    if not is_of_sns(url, suffix=".pem"):
        msg = "it is not at an address of SNS"
        raise Unavailable(msg)
    key = f"airra:sns:{url}"[:240]
    known = _cached(key)
    if known is None:
        known = _fetched(url)
        is_good = not known.startswith(_FAILED)
        _keep(key, known, _KEPT_S if is_good else _FAILURE_KEPT_S)
    if known.startswith(_FAILED):
        raise Unavailable(known.removeprefix(_FAILED))
    return known.encode()


def _cached(key: str) -> str | None:
    try:
        found = cache.get(key)
    except CACHE_IS_DOWN:
        return None
    return found if isinstance(found, str) else None


def _keep(key: str, text: str, seconds: int) -> None:
    try:
        cache.set(key, text, seconds)
    except CACHE_IS_DOWN:
        return


def _fetched(url: str) -> str:
    try:
        return _got(url)
    except HttpError as error:
        return f"{_FAILED}{error}"


def _got(url: str) -> str:
    """The text of a 200 answer. Raises `HttpError`."""
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    with HttpClient(f"https://{parts.hostname}", timeout_s=5, max_bytes=_MAX_BYTES) as client:
        answer = client.get(path)
    if answer.status != 200:
        return f"{_FAILED}{parts.hostname} answered {answer.status}"
    return answer.content.decode(errors="replace")


def confirm(delivery: Delivery, url: str) -> None:
    """Fetch the SubscribeURL of a proven delivery; what came of it is told on the delivery."""
    told = _fetched(url) if is_of_sns(url) else f"{_FAILED}its address is not on a host of SNS"
    if told.startswith(_FAILED):
        Delivery.objects.filter(pk=delivery.pk).update(
            state=Delivery.State.FAILED,
            error_field="SubscribeURL",
            error=f"the subscription is not confirmed: {told.removeprefix(_FAILED)}",
        )
        return
    note = f"The subscription is confirmed: {urlsplit(url).hostname} answered 200."
    Delivery.objects.filter(pk=delivery.pk).update(note=note[:200])
