"""The read tools of an investigation: sources and perception joined into pieces of evidence.

A tool always answers with one `EvidenceDraft`. A source that fails, refuses or holds nothing is
evidence too, with its status; an exception out of here is a bug.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airra.lib.redact import redact
from analysis.commands import collect_metrics
from analysis.commands.collect_metrics import MetricReading
from analysis.connectors.base import ConnectorError, Problem
from analysis.models import Connector, Detector
from analysis.perception import log_patterns, spans
from analysis.queries.sources import enabled_connectors, open_events, open_logs, open_traces
from analysis.types import (
    ChangeFact,
    Custody,
    Edge,
    EvidenceDraft,
    EvidenceStatus,
    Fact,
    IncidentContext,
    LogLine,
    Span,
    TemplateSpike,
)
from incidents.models import ServiceDependency, Workspace

MAX_VIEW = 6000
MAX_SUMMARY = 300
_BEFORE_S = 600.0  # of logs and traces to compare with
_DURING_S = 600.0  # of the incident's beginning that logs and traces are read of
_MARGIN_S = 30.0  # the trouble began somewhat before anything alarmed
_CHANGES_S = 3600.0
_LINES = 2000
_TRACES = 100
_SHOWN = 20

CUSTODY: Mapping[str, Custody] = {
    "get_topology": Custody.TRACE,
    "list_changes": Custody.CHANGE_SYSTEM,
    "get_onsets": Custody.APP_METRIC,
    "search_logs": Custody.APP_TEXT,
    "get_traces": Custody.TRACE,
    "get_resource_state": Custody.PLATFORM_API,
}
_KIND = Connector.Kind
# The kinds of source a tool reads, the first choice first.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "list_changes": (_KIND.CHANGES, _KIND.KUBERNETES),
    "get_onsets": (_KIND.PROMETHEUS,),
    "search_logs": (_KIND.LOKI, _KIND.ELASTICSEARCH, _KIND.OTLP, _KIND.LOGFILES),
    "get_traces": (_KIND.JAEGER, _KIND.TEMPO, _KIND.OTLP),
    "get_resource_state": (_KIND.PROMETHEUS,),
}


@dataclass(frozen=True)
class _Reading:
    """What a tool found, before it becomes evidence."""

    source: str
    native_query: str
    window: tuple[float, float]
    summary: str
    facts: Sequence[Fact] = ()
    rows: Sequence[str] = ()
    status: EvidenceStatus = EvidenceStatus.OK
    coverage: float = 1.0


@dataclass(frozen=True)
class Tools:
    """The tools of one investigation. Arguments are checked against what is known to exist."""

    workspace: Workspace
    ctx: IncidentContext
    names: Sequence[str] = field(default=tuple(CUSTODY), init=False)

    def run(self, name: str, arguments: Mapping[str, Any]) -> EvidenceDraft:
        """One tool run as evidence. Raises KeyError for a name that is not a tool."""
        tool = self._tools()[name]
        began = time.perf_counter()
        try:
            reading = tool(self._service_in(arguments))
        except ConnectorError as error:
            reading = self._failed(name, error)
        return EvidenceDraft(
            tool=name,
            arguments=dict(arguments),
            source=reading.source,
            native_query=reading.native_query,
            window=reading.window,
            status=reading.status,
            coverage=round(min(max(reading.coverage, 0.0), 1.0), 3),
            summary=redact(reading.summary)[:MAX_SUMMARY],
            custody=CUSTODY[name],
            facts=tuple(reading.facts),
            view=redact(_view(reading)),
            duration_ms=int((time.perf_counter() - began) * 1000),
        )

    def _tools(self) -> Mapping[str, Callable[[str], _Reading]]:
        return {
            "get_topology": self._topology,
            "list_changes": self._changes,
            "get_onsets": self._onsets,
            "search_logs": self._logs,
            "get_traces": self._traces,
            "get_resource_state": self._resource_state,
        }

    @property
    def _split(self) -> float:
        return self.ctx.started_at - _MARGIN_S

    @property
    def _end(self) -> float:
        return min(self.ctx.now, self.ctx.started_at + _DURING_S)

    def _service_in(self, arguments: Mapping[str, Any]) -> str:
        """The service asked for, or "" for all. Only one that is known: text invents no target."""
        service = str(arguments.get("service") or "")
        known = {*self.ctx.services, self.ctx.service}
        if service and service not in known:
            msg = f"no service {service[:80]!r} is known; one of {', '.join(sorted(known))[:180]}"
            raise ConnectorError(Problem.REJECTED, msg)
        return service

    def _failed(self, name: str, error: ConnectorError) -> _Reading:
        is_denied = error.kind is Problem.DENIED
        asked = enabled_connectors(self.workspace, *_KINDS[name]) if name in _KINDS else []
        return _Reading(
            source=asked[0].name if asked else "",
            native_query=name,
            window=(self._split - _BEFORE_S, self.ctx.now),
            summary=str(error),
            status=EvidenceStatus.DENIED if is_denied else EvidenceStatus.ERROR,
            coverage=0.0,
        )

    def _connector(self, tool: str) -> Connector:
        found = enabled_connectors(self.workspace, *_KINDS[tool])
        if not found:
            kinds = " or ".join(_KINDS[tool])
            raise ConnectorError(Problem.REJECTED, f"no {kinds} connector is switched on")
        return found[0]

    # --- the tools ---------------------------------------------------------------------------
    def _topology(self, service: str) -> _Reading:
        rows = ServiceDependency.objects.fresh().filter(caller__workspace=self.workspace)
        found = [
            Edge(src=src, dst=dst, source=source, last_seen=seen.timestamp())
            for src, dst, source, seen in rows.values_list(
                "caller__name", "callee__name", "source", "last_seen_at"
            )
            if not service or service in {src, dst}
        ]
        return _Reading(
            source="topology",
            native_query="service dependencies" + (f" of {service}" if service else ""),
            window=(self.ctx.started_at, self.ctx.now),
            summary=f"{len(found)} edges between services are known",
            facts=found,
            rows=[f"{e.src} -> {e.dst} (from {e.source})" for e in found],
            status=EvidenceStatus.OK if found else EvidenceStatus.NO_DATA,
            coverage=1.0 if found else 0.0,
        )

    def _changes(self, service: str) -> _Reading:
        connector = self._connector("list_changes")
        window = self.ctx.started_at - _CHANGES_S, self.ctx.now
        changes = open_events(connector).changes(start=window[0], end=window[1])
        found = [
            ChangeFact(
                id=c.id,
                entity=c.service,
                at=c.at,
                change=c.kind,
                title=c.title,
                actor=c.actor,
                before=c.before,
                after=c.after,
                revision=c.revision,
            )
            for c in changes
            if not service or c.service == service
        ]
        before = [f for f in found if f.at <= self.ctx.started_at + _MARGIN_S]
        newest = (
            f"; the last before it: {before[-1].title} on {before[-1].entity}" if before else ""
        )
        return _Reading(
            source=connector.name,
            native_query=f"GET /changes of {service or 'every service'}",
            window=window,
            summary=f"{len(found)} changes from an hour before the incident until now{newest}",
            facts=found,
            rows=[self._change_row(f) for f in reversed(found)],
            status=EvidenceStatus.OK if found else EvidenceStatus.EMPTY,
        )

    def _change_row(self, fact: ChangeFact) -> str:
        what = f"{fact.before} -> {fact.after}" if fact.before or fact.after else ""
        at = self._when(fact.at)
        return f"{at} {fact.change} {fact.entity}: {fact.title} {what} by {fact.actor or 'unknown'}"

    def _onsets(self, service: str) -> _Reading:
        enabled = Detector.objects.filter(
            workspace=self.workspace, is_enabled=True, rule=Detector.Rule.ADAPTIVE
        )
        detectors = list(enabled.select_related("connector").order_by("name"))
        if not detectors:
            raise ConnectorError(Problem.REJECTED, "no detector is switched on")
        return self._of_metrics(collect_metrics.onsets(detectors, self.ctx, service=service))

    def _resource_state(self, service: str) -> _Reading:
        connector = self._connector("get_resource_state")
        return self._of_metrics(collect_metrics.resource_state(connector, self.ctx, service))

    def _of_metrics(self, reading: MetricReading) -> _Reading:
        status = EvidenceStatus.PARTIAL if reading.problems else EvidenceStatus.OK
        if not reading.facts:
            status = EvidenceStatus.ERROR if reading.problems else EvidenceStatus.NO_DATA
        return _Reading(
            source=reading.source,
            native_query=reading.native_query,
            window=reading.window,
            summary=reading.summary,
            facts=reading.facts,
            rows=[*(f"not read: {problem}" for problem in reading.problems), *reading.rows],
            status=status,
            coverage=reading.coverage,
        )

    def _logs(self, service: str) -> _Reading:
        connector = self._connector("search_logs")
        of = service or self.ctx.service
        source, split = open_logs(connector), self._split
        start = split - _BEFORE_S
        before = source.lines(start=start, end=split, service=of, limit=_LINES)
        during = source.lines(start=split, end=self._end, service=of, limit=_LINES)
        before_s = _read_s(before, (start, split), limit=_LINES)
        during_s = _read_s(during, (split, self._end), limit=_LINES)
        found = log_patterns.spikes(
            [*before, *during], split=split, before_s=before_s, during_s=during_s
        )
        shown = found[:_SHOWN]
        new = sum(spike.is_new for spike in found)
        status = EvidenceStatus.OK if found else EvidenceStatus.EMPTY
        return _Reading(
            source=connector.name,
            native_query=f"log lines of {of}",
            window=(start, self._end),
            summary=f"{of}: {new} new and {len(found) - new} surging log templates "
            f"in {len(during)} lines, against {len(before)} before",
            facts=shown,
            rows=[self._spike_row(spike) for spike in shown],
            status=status if before or during else EvidenceStatus.NO_DATA,
            coverage=during_s / max(self._end - split, 1e-9) if during or before else 0.0,
        )

    def _spike_row(self, spike: TemplateSpike) -> str:
        word = "new" if spike.is_new else f"expected {spike.baseline:g}"
        at = self._when(spike.first_seen)
        return f"{spike.count}x ({word}, since {at}) [{spike.level}] {spike.template[:300]}"

    def _traces(self, service: str) -> _Reading:
        connector = self._connector("get_traces")
        of = service or self.ctx.service
        source, split = open_traces(connector), self._split
        start = split - _BEFORE_S
        before = source.spans(of, start=start, end=split, limit=_TRACES)
        during = source.spans(of, start=split, end=self._end, limit=_TRACES)
        found = spans.compare([*before, *during], split=split)
        slower = [e for e in found if e.latency_during_s > 2 * e.latency_before_s > 0]
        failing = [e for e in found if e.error_share_during > e.error_share_before + 0.05]
        return _Reading(
            source=connector.name,
            native_query=f"traces through {of}",
            window=(start, self._end),
            summary=f"traces through {of}: {len(failing)} of {len(found)} calls fail more often, "
            f"{len(slower)} take more than twice as long",
            facts=found,
            rows=[_edge_row(edge) for edge in found],
            status=EvidenceStatus.OK if found else EvidenceStatus.NO_DATA,
            coverage=_balance(before, during),
        )

    def _when(self, at: float) -> str:
        """Seconds relative to the incident's start: what a reader orders by."""
        return f"t{at - self.ctx.started_at:+.0f}s"


def _read_s(lines: Sequence[LogLine], window: tuple[float, float], *, limit: int) -> float:
    """Seconds really read: when the limit cut the older lines off, only from the oldest on."""
    start, end = window
    return max(end - (lines[0].at if len(lines) >= limit else start), 0.0)


def _balance(before: Sequence[Span], during: Sequence[Span]) -> float:
    """1 with traces on both sides; a half with one, for then nothing can be compared."""
    return 0.5 * bool(before) + 0.5 * bool(during)


def _edge_row(edge: Edge) -> str:
    return (
        f"{edge.src} -> {edge.dst}: {edge.calls_before} then {edge.calls_during} calls in the "
        f"sample, errors {edge.error_share_before:.0%} then {edge.error_share_during:.0%}, "
        f"latency {edge.latency_before_s:.3f} then {edge.latency_during_s:.3f} s, own time of "
        f"{edge.dst} {edge.self_before_s:.3f} then {edge.self_during_s:.3f} s"
    )


def _view(reading: _Reading) -> str:
    return _capped([reading.summary, *reading.rows])


def _capped(rows: Iterable[str]) -> str:
    """Rows up to the size a model may be shown, saying how many were left off."""
    shown: list[str] = []
    size, left_off = 0, 0
    for row in rows:
        size += len(row) + 1
        if size > MAX_VIEW - 40:
            left_off += 1
        else:
            shown.append(row)
    return "\n".join([*shown, *([f"({left_off} more rows left off)"] if left_off else [])])
