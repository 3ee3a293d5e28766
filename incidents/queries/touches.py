"""What deliveries did to alerts, read from either side; and the words around a moment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from incidents.ingest.order import Word
from incidents.lifecycle import AlertStatus
from incidents.models import Alert, Delivery, Touch
from incidents.queries.deliveries import SHOWN_ROWS

SHOWN_OF_ALERT = 20
_OVER = Q(status=AlertStatus.RESOLVED)


def of_delivery(delivery: Delivery) -> list[Touch]:
    """Every alert it told of, with what that did."""
    found = delivery.touches.select_related("alert__service", "alert__incident").order_by("id")
    return list(found[:SHOWN_ROWS])


def of_alert(alert: Alert) -> list[Touch]:
    """The deliveries that told of this episode, the newest word first."""
    found = alert.touches.select_related("delivery").defer("delivery__body", "delivery__headers")
    return list(found.order_by("-at", "-id")[:SHOWN_OF_ALERT])


def around(
    alert: QuerySet[Alert], at: datetime, *, is_over: bool
) -> tuple[Word[Alert] | None, Word[Alert] | None]:
    """The nearest word before and after a moment, among all episodes of one alert.

    Of words in one moment those that an alert is there come before those that it is over. An
    episode whose words have aged out stands for itself with its beginning and its end.
    """
    told = Touch.objects.filter(alert=OuterRef("pk"))
    noted = alert.annotate(
        has_begun=Exists(told.exclude(_OVER)), has_ended=Exists(told.filter(_OVER))
    ).select_related("incident__merged_into", "service")
    rows = [
        *noted.filter(starts_at__lte=at).order_by("-starts_at")[:2],
        *noted.filter(starts_at__gt=at).order_by("starts_at")[:2],
    ]
    words = [*_touches(rows, at, is_over=is_over), *_bounds(rows)]
    own = (at, is_over)
    earlier = [word for word in words if _key(word) <= own]
    later = [word for word in words if _key(word) > own]
    return (
        max(earlier, key=_key) if earlier else None,
        min(later, key=_key) if later else None,
    )


def _key(word: Word[Alert]) -> tuple[datetime, bool]:
    return word.at, word.is_over


def _touches(rows: Sequence[Alert], at: datetime, *, is_over: bool) -> list[Word[Alert]]:
    by_id = {row.pk: row for row in rows}
    told = Touch.objects.filter(alert__in=by_id)
    same = Q(at=at)
    before = Q(at__lt=at) | (same if is_over else same & ~_OVER)
    after = Q(at__gt=at) | (Q(pk=None) if is_over else same & _OVER)
    nearest = [
        *told.filter(before).order_by("-at", "-id")[:2],
        *told.filter(after).order_by("at", "id")[:2],
    ]
    found = [
        Word(each.at, each.status == AlertStatus.RESOLVED, by_id[each.alert_id]) for each in nearest
    ]
    begun = told.filter(began_at__isnull=False)
    nearest = [
        *begun.filter(began_at__lte=at).order_by("-began_at")[:1],
        *begun.filter(began_at__gt=at).order_by("began_at")[:1],
    ]
    found += [
        Word(each.began_at, is_over=False, row=by_id[each.alert_id])
        for each in nearest
        if each.began_at is not None
    ]
    return found


def _bounds(rows: Sequence[Any]) -> list[Word[Alert]]:
    """The beginnings and ends that no touch tells of, or none any more."""
    found = []
    for row in rows:
        is_end_alone = row.came_late and not row.is_start_told
        if not row.has_begun and not is_end_alone:
            found.append(Word(row.starts_at, is_over=False, row=row))
        if not row.has_ended and row.ends_at is not None:
            found.append(Word(row.ends_at, is_over=True, row=row))
    return found
