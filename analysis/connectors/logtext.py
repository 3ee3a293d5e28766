"""A line of a log file: its time, level and fields, whether JSON, logfmt or text. Pure.

A time without a zone is UTC. One without a year (syslog, klog) is the latest that is not ahead of
`now` by more than a day.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.connectors import logfields

_TIMES = ("@timestamp", "timestamp", "time", "ts", "t", "date", "datetime", "asctime")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK = r"(?P<clock>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
_ISO = re.compile(
    rf"\[?(?P<year>\d{{4}})[-/](?P<mm>\d\d)[-/](?P<day>\d\d)[T ]{_CLOCK}"
    r" ?(?P<zone>Z|[+-]\d\d:?\d\d)?\]?:?\s*"
)
_ACCESS = re.compile(
    rf"\[(?P<day>\d\d)/{_MONTH}/(?P<year>\d{{4}}):{_CLOCK} (?P<zone>[+-]\d{{4}})\]"
)
_SYSLOG = re.compile(rf"(?:<\d{{1,3}}>)?{_MONTH} +(?P<day>\d{{1,2}}) {_CLOCK}\s+")
_KLOG = re.compile(rf"(?P<level>[IWEF])(?P<mm>\d\d)(?P<day>\d\d) {_CLOCK}\s+")
_KLOG_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_CRI = re.compile(r"(?:stdout|stderr) [FP] ")
_PAIR = re.compile(r'([A-Za-z_@][\w.@/-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+|$)')
_LEVEL = re.compile(
    r"\b(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRIT|CRITICAL|PANIC|EMERG)\b"
    r"|\[(trace|debug|info|notice|warn|warning|error|crit|alert|emerg)\]"
)
_HEAD = 160  # where a level or an access log's time stands


@dataclass(frozen=True)
class Parsed:
    """`at` is None when the line tells no time: it continues the one before it."""

    at: float | None
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)


def parse(text: str, *, now: float) -> Parsed:
    if text.startswith("{"):
        fields = _object(text)
        if fields:
            return Parsed(_time_in(fields), text, fields)
    if _PAIR.match(text):
        pairs = _pairs(text)
        at = _time_in(pairs)
        if at is not None:
            return Parsed(at, text, pairs)
    return _plain_text(text, now)


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    # Docker wraps what the container wrote, which is often JSON itself.
    inner = found.get("log")
    found = logfields.flat(found)
    return {**found, **_object(inner)} if isinstance(inner, str) and inner[:1] == "{" else found


def _pairs(text: str) -> Mapping[str, str]:
    return {name: _unquoted(value) for name, value in _PAIR.findall(text)}


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value.strip('"')


def _time_in(fields: Mapping[str, Any]) -> float | None:
    for name in _TIMES:
        at = _moment(fields.get(name))
        if at is not None:
            return at
    return None


def _moment(value: Any) -> float | None:
    """Seconds of a time as text, or as a number of s, ms, µs or ns since 1970."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except ValueError:
        match = _ISO.match(str(value))
        return _seconds(match, year=int(match["year"])) if match else None
    except OverflowError:
        return None
    if not math.isfinite(number) or number < 1e8:
        return None
    for size, unit in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if number < size:
            return number / unit
    return None


def _plain_text(text: str, now: float) -> Parsed:
    at: float | None = None
    rest, level = text, ""
    if match := _ISO.match(text):
        at, rest = _seconds(match, year=int(match["year"])), text[match.end() :]
        rest = _CRI.sub("", rest, count=1) if _CRI.match(rest) else rest
        inner = _object(rest) if rest.startswith("{") else {}
        if inner:
            return Parsed(at, rest, inner)
    elif match := _KLOG.match(text):
        at, rest = _yearless(match, now), text[match.end() :]
        level = _KLOG_LEVELS[match["level"]]
    elif match := _SYSLOG.match(text):
        at, rest = _yearless(match, now), text[match.end() :]
    elif match := _ACCESS.search(text[:_HEAD]):
        at = _seconds(match, year=int(match["year"]))
    if not level and (found := _LEVEL.search(rest[:_HEAD])):
        level = (found[1] or found[2]).lower()
    return Parsed(at, rest if at is not None else text, {"level": level} if level else {})


def _yearless(match: re.Match[str], now: float) -> float | None:
    horizon = now + timedelta(days=1).total_seconds()
    year = datetime.fromtimestamp(horizon, UTC).year
    at = _seconds(match, year=year)
    return at if at is None or at <= horizon else _seconds(match, year=year - 1)


def _seconds(match: re.Match[str], *, year: int) -> float | None:
    """None for what looks like a time and is none, such as the 31st of February."""
    groups = match.groupdict()
    month = int(groups["mm"]) if groups.get("mm") else _MONTHS.index(groups["month"]) + 1
    zone = (groups.get("zone") or "Z").replace("Z", "+00:00")
    text = f"{year:04}-{month:02}-{int(groups['day']):02}T{groups['clock']}{zone}"
    try:
        whole = datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
    return whole + float(f"0.{groups.get('fraction') or 0}")
