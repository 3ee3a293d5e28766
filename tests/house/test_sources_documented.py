"""The reference of sources names every kind, what it gives, every error, and the real limits."""

import re
from pathlib import Path
from typing import Any

import pytest

from analysis.connectors import (
    elasticsearch,
    jaeger,
    kubernetes,
    logfiles,
    loki,
    matrix,
    prometheus,
)
from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.registry import OVER_HTTP, build
from analysis.models import Connector
from analysis.queries.pushed import Pushed
from analysis.types import EventSource, LogSource, MetricSource, PlatformSource, TraceSource

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/sources.md"
GIVES: dict[str, type[Any]] = {
    "metrics": MetricSource,
    "logs": LogSource,
    "traces": TraceSource,
    "changes": EventSource,
    "platform": PlatformSource,
}


def rows(header: str) -> list[list[str]]:
    _, found, below = PAGE.read_text(encoding="utf-8").partition(f"| {header} |")
    assert found, header
    lines = below.splitlines()[2:]
    end = next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]


def source_of(kind: str) -> object:
    return Pushed.__new__(Pushed) if kind == "otlp" else build(kind, url="http://127.0.0.1")


def given_by(kind: str) -> set[str]:
    source = source_of(kind)
    return {name for name, protocol in GIVES.items() if isinstance(source, protocol)}


def test_every_kind_stands_there_with_what_it_gives() -> None:
    told = {row[0].strip("`"): set(row[1].split(", ")) for row in rows("Kind")}
    assert told == {kind: given_by(kind) for kind in Connector.Kind.values}


def test_every_kind_can_be_built() -> None:
    assert {*OVER_HTTP, "logfiles", "otlp"} == set(Connector.Kind.values)
    with pytest.raises(KeyError):
        build("nonsense", url="http://127.0.0.1")


def test_every_error_stands_there_with_whether_it_is_retried() -> None:
    told = {row[0].strip("`"): row[2] for row in rows("Name")}
    retried = {p.value: "yes" if ConnectorError(p, "").retryable else "no" for p in Problem}
    assert told == retried


@pytest.mark.parametrize(
    "limit",
    [
        prometheus._MAX_SERIES,
        matrix._MAX_CELLS,
        loki._MAX_LINES,
        elasticsearch._PAGE,
        jaeger._MAX_SPANS,
        kubernetes._MAX_OBJECTS,
        logfiles._MAX_FILES,
    ],
)
def test_limits_are_the_code_s(limit: int) -> None:
    text = " ".join(" ".join(row) for row in rows("What"))
    assert f"{limit:,}" in re.findall(r"[\d,]*\d", text)
