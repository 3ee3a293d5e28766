"""A forecast in words: what is reached, between when and when. Pure; times are aware, in UTC."""

from datetime import datetime, timedelta

from airra.lib.quantities import quantity

_NAMES = {"other": "its level", "saturation": "saturation"}


def title(*, service: str, signal: str, limit: str, is_budget: bool) -> str:
    """The name of a predicted incident, without times: those move."""
    where = service or "A series without a service"
    if is_budget:
        return f"{where}: error budget runs out"
    return f"{where}: {_NAMES.get(signal, signal)} on its way to {limit}"


def limit_of(limit: float, unit: str) -> str:
    return quantity(limit, unit)


def sentence(
    *,
    limit: str,
    earliest: datetime,
    expected: datetime,
    latest: datetime | None,
    now: datetime,
    is_budget: bool = False,
) -> str:
    """Reaches 100 % between 03:40 and 05:10 UTC, most likely 04:20."""
    does = "uses its error budget up" if is_budget else f"reaches {limit}"
    far = max(expected, latest or expected) - now > timedelta(hours=20)
    first, middle = (_clock(at, is_far=far) for at in (earliest, expected))
    if latest is None:
        return f"{does} not before {first} UTC, most likely {middle}, if at all"
    last = _clock(latest, is_far=far)
    return f"{does} between {first} and {last} UTC, most likely {middle}"


def _clock(at: datetime, *, is_far: bool) -> str:
    return f"{at:%d %b %H:%M}" if is_far else f"{at:%H:%M}"
