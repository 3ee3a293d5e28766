"""Log lines: as templates that are new or surged, or raw, which outsiders may have written."""

from collections.abc import Sequence

from analysis.commands.collect.reading import Reading
from analysis.commands.collect.scope import BEFORE_S, Scope
from analysis.models import Connector
from analysis.perception import log_patterns
from analysis.queries.sources import open_logs
from analysis.reasoning.toolbox import SearchLogs
from analysis.types import Custody, EvidenceStatus, LogLine, TemplateSpike

_KIND = Connector.Kind
KINDS = (_KIND.LOKI, _KIND.ELASTICSEARCH, _KIND.OTLP, _KIND.LOGFILES)
LINES = 2000
_SHOWN = 20
_RAW_CHARS = 400
_LINES_SHOWN = 30


def search_logs(scope: Scope, asked: SearchLogs) -> Reading:
    """Templates against the time before; or, where asked for, the newest lines as they are."""
    connector = scope.connector(*KINDS)
    of = asked.service or scope.ctx.service
    source, split = open_logs(connector), scope.split
    during = source.lines(start=split, end=scope.end, service=of, limit=LINES)
    if asked.mode == "lines":
        return _raw(scope, connector, of, during, asked.contains)
    before = source.lines(start=split - BEFORE_S, end=split, service=of, limit=LINES)
    return _templates(scope, connector, of, (before, during), asked.contains)


def _templates(
    scope: Scope,
    connector: Connector,
    of: str,
    read: tuple[list[LogLine], list[LogLine]],
    contains: str,
) -> Reading:
    before, during = read
    split, start = scope.split, scope.split - BEFORE_S
    before_s = _read_s(before, (start, split))
    during_s = _read_s(during, (split, scope.end))
    lines = [line for line in (*before, *during) if contains.casefold() in line.message.casefold()]
    found = log_patterns.spikes(lines, split=split, before_s=before_s, during_s=during_s)
    new = sum(spike.is_new for spike in found)
    status = EvidenceStatus.OK if found else EvidenceStatus.EMPTY
    return Reading(
        source=connector.name,
        native_query=f"log lines of {of}" + (f" with {contains!r}" if contains else ""),
        window=(start, scope.end),
        summary=f"{of}: {new} new and {len(found) - new} surging log templates "
        f"in {len(during)} lines, against {len(before)} before",
        facts=found[:_SHOWN],
        rows=[_spike_row(scope, spike) for spike in found[:_SHOWN]],
        status=status if before or during else EvidenceStatus.NO_DATA,
        coverage=during_s / max(scope.end - split, 1e-9) if during or before else 0.0,
        raw=[before, during],
        narrow="words that the lines contain",
        is_truncated=len(found) > _SHOWN or max(len(before), len(during)) >= LINES,
    )


def _raw(
    scope: Scope, connector: Connector, of: str, during: Sequence[LogLine], contains: str
) -> Reading:
    """Lines as they are: whoever sends a request can write them, so they carry no facts."""
    found = [line for line in during if contains.casefold() in line.message.casefold()]
    shown = found[-_LINES_SHOWN:]
    return Reading(
        source=connector.name,
        native_query=f"raw log lines of {of}" + (f" with {contains!r}" if contains else ""),
        window=(scope.split, scope.end),
        summary=f"{of}: the last {len(shown)} of {len(found)} lines, as they are",
        rows=[
            f"{scope.when(line.at)} [{line.level}] {line.message[:_RAW_CHARS]}" for line in shown
        ],
        status=EvidenceStatus.OK if found else EvidenceStatus.EMPTY,
        coverage=_read_s(during, (scope.split, scope.end)) / max(scope.end - scope.split, 1e-9),
        raw=list(during),
        narrow="words that the lines contain",
        is_truncated=len(shown) < len(found) or len(during) >= LINES,
        custody=Custody.USER_INFLUENCED,
    )


def _read_s(lines: Sequence[LogLine], window: tuple[float, float]) -> float:
    """Seconds really read: when the limit cut the older lines off, only from the oldest on."""
    start, end = window
    return max(end - (lines[0].at if len(lines) >= LINES else start), 0.0)


def _spike_row(scope: Scope, spike: TemplateSpike) -> str:
    word = "new" if spike.is_new else f"expected {spike.baseline:g}"
    at = scope.when(spike.first_seen)
    return f"{spike.count}x ({word}, since {at}) [{spike.level}] {spike.template[:300]}"
