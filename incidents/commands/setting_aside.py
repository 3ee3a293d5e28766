"""Deliveries that were not read and need not be: somebody looked, and they stop asking for it.

They are kept and listed as long as any, and can still be replayed; whatever reads one again takes
the mark off it.
"""

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from incidents.commands import audit
from incidents.models import Delivery, Integration
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.queries.deliveries import NOT_READ, asking

NOT_ASIDE = {"set_aside_at": None, "set_aside_by": None}


def set_aside(*, delivery: Delivery, by: User) -> bool:
    """Whether it was one that asked to be read."""
    require(by, Permission.RESPOND, delivery.integration.workspace)
    one = Delivery.objects.filter(pk=delivery.pk, state__in=NOT_READ, set_aside_at=None)
    with transaction.atomic():
        was_asking = bool(one.update(set_aside_at=clock.now(), set_aside_by=by))
        if was_asking:
            audit.record("delivery.set_aside", target=delivery, by=by)
    return was_asking


def set_aside_refused(*, integration: Integration, by: User) -> int:
    """All refused deliveries of a sender; how many there were."""
    require(by, Permission.RESPOND, integration.workspace)
    with transaction.atomic():
        done = asking(integration).update(set_aside_at=clock.now(), set_aside_by=by)
        if done:
            audit.record(
                "delivery.set_aside", target=integration, by=by, after={"deliveries": done}
            )
    return done
