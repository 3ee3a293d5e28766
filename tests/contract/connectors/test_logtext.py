"""The time, level and fields of a line, in the formats that programs write."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.connectors.logfields import log_line
from analysis.connectors.logtext import parse

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
NOW = NOON + 3600


DOCKER = json.dumps(
    {
        "log": '{"level": "warn", "msg": "m"}\n',
        "stream": "stderr",
        "time": "2026-01-31T12:00:00.5Z",
    }
)
ECS = '{"@timestamp": "2026-01-31T12:00:00.5+00:00", "log": {"level": "info"}, "message": "m"}'
LOGFMT = r'time="2026-01-31T12:00:00Z" level=error msg="it \"broke\"" n=5'
ACCESS = '10.0.0.1 - - [31/Jan/2026:12:00:00 +0000] "GET / HTTP/1.1" 500 5'


@pytest.mark.parametrize(
    ("text", "at", "level", "message"),
    [
        ('{"time": "2026-01-31T12:00:00Z", "level": "ERROR", "msg": "m"}', 0, "error", "m"),
        ('{"ts": 1769860800.5, "severity": "warn", "message": "m"}', 0.5, "warn", "m"),
        ('{"timestamp": 1769860800500, "lvl": "info", "event": "m"}', 0.5, "info", "m"),
        ('{"t": "1769860800500000", "message": "m"}', 0.5, "", "m"),
        (ECS, 0.5, "info", "m"),
        (DOCKER, 0.5, "warn", "m"),
        (LOGFMT, 0, "error", 'it "broke"'),
        ("ts=2026-01-31T13:00:00.5+01:00 caller=x.go:5 lvl=warn msg=m", 0.5, "warn", "m"),
        ("2026-01-31T12:00:00.123456789Z m", 0.123456789, "", "m"),
        ("2026-01-31 12:00:00,500 ERROR shop.pay m", 0.5, "error", "ERROR shop.pay m"),
        ("[2026-01-31 12:00:00] [warn] m", 0, "warn", "[warn] m"),
        ("2026/01/31 12:00:00 [error] 7#7: m", 0, "error", "[error] 7#7: m"),
        ("2026-01-31T12:00:00Z stderr F WARN m", 0, "warn", "WARN m"),
        ('2026-01-31T12:00:00Z stdout F {"level": "info", "msg": "m"}', 0, "info", "m"),
        ("E0131 12:00:00.500000  17 x.go:5] m", 0.5, "error", "17 x.go:5] m"),
        ("Jan 31 12:00:00 host app[5]: m", 0, "", "host app[5]: m"),
        ("<34>Jan 31 12:00:00 host app: m", 0, "", "host app: m"),
        (ACCESS, 0, "", ACCESS),
    ],
)
def test_lines_that_tell_their_time(text: str, at: float, level: str, message: str) -> None:
    parsed = parse(text, now=NOW)
    assert parsed.at == pytest.approx(NOON + at, abs=1e-6)
    line = log_line(parsed.at or 0, parsed.message, parsed.fields, {})
    assert (line.level, line.message) == (level, message)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "    at Pay.charge(Pay.java:17)",
        "Traceback (most recent call last):",
        '{"msg": "no time"}',
        '{"time": "soon"}',
        '{"time": 7}',
        '{"time": true}',
        '{"time": 1e400}',
        '{"time": [1]}',
        '{"broken": ',
        "[" * 100_000,
        '{"a":' * 100_000,
        "2026-02-31T12:00:00Z m",
        "2026-13-01T12:00:00Z m",
        "0000-01-01T12:00:00Z m",
        "Feb 31 12:00:00 host m",
        "key=value without a time",
    ],
)
def test_lines_that_tell_none(text: str) -> None:
    assert parse(text, now=NOW).at is None


def test_a_line_of_last_december_is_of_last_year() -> None:
    january = datetime(2026, 1, 1, 0, 5, tzinfo=UTC).timestamp()
    at = parse("Dec 31 23:59:00 host m", now=january).at
    assert at == datetime(2025, 12, 31, 23, 59, tzinfo=UTC).timestamp()
    # A clock that is somewhat ahead of ours is no reason to go back a year.
    ahead = parse("Jan  1 00:30:00 host m", now=january).at
    assert ahead == datetime(2026, 1, 1, 0, 30, tzinfo=UTC).timestamp()


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    parsed = parse(text, now=NOW)
    line = log_line(parsed.at or 0, parsed.message, parsed.fields, {})
    assert line.message.encode() is not None


@given(st.text(alphabet='a="\\ {}[]:,0123456789TZ-/.', max_size=2000))
def test_none_takes_long_to_read(text: str) -> None:
    parse(text * 20, now=NOW)
