"""What an operator's word on an anomaly does to the series: how far it must depart next time.

A series' tolerance multiplies the distance from expected that alarms. It is taught one word at a
time, in factors, so that each word can be taken back whatever was said since.
"""

import math

MIN_TOLERANCE, MAX_TOLERANCE = 0.25, 16.0  # the database holds the same bounds
_USUAL = 1.0
_MARGIN = 1.05  # beyond the departure that was waved off, so that its like stays quiet
_LEAST = 1.25  # a word that changed nothing would be said again and again


def departure(*, value: float, expected: float, low: float, high: float) -> float:
    """How many times its band's half a value is away from expected; 1 is the band's edge.

    All four in the unit of the series. 1 where the band has no width or no finite edge.
    """
    edge = high if value >= expected else low
    half = abs(edge - expected)
    away = abs(value - expected)
    if not (math.isfinite(half) and math.isfinite(away)) or half <= 0:
        return 1.0
    return away / half


def after_not_anomaly(tolerance: float, *, raised_with: float, departed: float) -> float:
    """The tolerance with which such a departure would just not alarm again; never less than now.

    `departed` is the `departure` from a band drawn with `raised_with`, the tolerance in force
    when it was raised. At most `MAX_TOLERANCE`: what departs further alarms whatever is said.
    """
    enough = raised_with * max(departed * _MARGIN, _LEAST)
    return _bounded(max(tolerance, enough))


def after_real(tolerance: float) -> float:
    """Halfway back to the usual distance, in factors; a series already that watchful stays so."""
    return _bounded(math.sqrt(tolerance * _USUAL)) if tolerance > _USUAL else tolerance


def after_take_back(tolerance: float, *, factor: float) -> float:
    """The tolerance without a word that had multiplied it by `factor`."""
    return _bounded(tolerance / factor)


def _bounded(tolerance: float) -> float:
    return min(max(tolerance, MIN_TOLERANCE), MAX_TOLERANCE)
