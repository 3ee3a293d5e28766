"""How long deliveries are kept: bodies go first, and rows with them where no alert is left.

A row that began an alert or brought a change stays, without its body and headers, so that the
record can still say where it came from. What the others did to alerts goes with them. What still
waits to be read is never dropped.
"""

import time
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists, OuterRef, Q

from airra.lib import clock
from airra.lib.jobs import CACHE_IS_DOWN
from incidents.models import Alert, ChangeEvent, Delivery, Touch

_AT_A_TIME = 1000
_EVERY_S = 60
_FOR_S = 3.0  # at a thousand a minute, 17 deliveries a second would be kept for ever


def tend() -> None:
    """Drop what is too old, once a minute and not for long; 0 days keep everything.

    In small batches, so that who waits to write gets in between two.
    """
    if settings.DELIVERY_KEPT_DAYS > 0 and _is_due():
        until = time.monotonic() + _FOR_S
        while drop_old() == _AT_A_TIME and time.monotonic() < until:
            pass


def _is_due() -> bool:
    try:
        return bool(cache.add("airra:deliveries:tended", 1, _EVERY_S))
    except CACHE_IS_DOWN:
        return False


def drop_old() -> int:
    """Drop up to a thousand old bodies; returns how many deliveries that was."""
    now = clock.now()
    old = Delivery.objects.filter(
        body_dropped_at=None, received_at__lt=now - timedelta(days=settings.DELIVERY_KEPT_DAYS)
    ).exclude(state=Delivery.State.STORED)
    found = list(old.order_by("received_at").values_list("pk", flat=True)[:_AT_A_TIME])
    of_it = OuterRef("pk")
    is_named = Exists(Alert.objects.filter(delivery=of_it)) | Exists(
        ChangeEvent.objects.filter(delivery=of_it)
    )
    chosen = Delivery.objects.filter(pk__in=found)
    named = list(chosen.filter(Q(is_named)).values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=named).update(body=b"", headers={}, body_dropped_at=now)
    Touch.objects.filter(delivery__in=named).exclude(did=Touch.Did.BEGAN).delete()
    Delivery.objects.filter(pk__in=set(found) - set(named), alerts=None, changes=None).delete()
    return len(found)
