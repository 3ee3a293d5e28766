"""Numbers, shares and spans of time as people read them. Pure."""

import math
from datetime import datetime

_UNITS_OF_TIME = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


def span(seconds: float) -> str:
    """One figure in the largest whole unit: 45 s, 12 m, 3 h, 2 d."""
    whole = max(0, int(seconds))
    for size, unit in _UNITS_OF_TIME:
        if whole >= size:
            return f"{whole // size} {unit}"
    return "0 s"


def ago(at: datetime, now: datetime) -> str:
    """2 m ago, or in 2 m for what lies ahead."""
    seconds = (now - at).total_seconds()
    if -1 < seconds < 1:
        return "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def percent(share: float) -> str:
    """A share of one as a percentage, without a decimal where it has two digits."""
    value = share * 100
    return f"{value:.0f} %" if abs(value) >= 10 or value == 0 else f"{value:.1f} %"


def _plain(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(digits, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _bytes(value: float) -> str:
    step = 0
    while abs(value) >= 1024 and step < len(_BINARY) - 1:
        value /= 1024
        step += 1
    return f"{_plain(value)} {_BINARY[step]}"


def _seconds(value: float) -> str:
    return f"{_plain(value * 1000)} ms" if abs(value) < 1 else f"{_plain(value)} s"


def quantity(value: float | None, unit: str = "") -> str:
    """A number with its unit: a ratio as a percentage, bytes and seconds in a fitting size."""
    if value is None or not math.isfinite(value):
        return "no data"
    match unit:
        case "ratio":
            return percent(value)
        case "bytes":
            return _bytes(value)
        case "s":
            return _seconds(value)
        case "1/s":
            return f"{_plain(value)}/s"
    return f"{_plain(value)} {unit}".strip()


def count(number: int, one: str, many: str = "") -> str:
    """1 anomaly, 3 anomalies."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def money(usd: float) -> str:
    """US dollars to the cent, or to a tenth of one where it is less than ten: $1.20, $0.004."""
    if 0 < usd < 0.001:
        return "under $0.001"
    return f"${usd:,.2f}" if usd == 0 or usd >= 0.1 else f"${usd:.3f}"


def confidence_word(share: float) -> str:
    """The word that stands beside a confidence; 0.45 is where settling begins to abstain."""
    for least, word in ((0.85, "very likely"), (0.7, "likely"), (0.45, "plausible")):
        if share >= least:
            return word
    return "weak lead"


def odds(chance: float) -> str:
    """A chance as 1 in so many, to two figures: 1 in 20,000."""
    if not 0 < chance <= 1:
        return "1 in more than a billion" if chance <= 0 else "not known"
    times = 1 / chance
    if times > 1e9:
        return "1 in more than a billion"
    digits = max(0, math.floor(math.log10(times)) - 1)
    return f"1 in {round(times, -digits):,.0f}"
