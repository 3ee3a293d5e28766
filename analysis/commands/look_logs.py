"""A look at the logs of every service: read what is new, remember its templates, say what is odd.

The memory is one `DetectorState`, whose `newest_at` says up to where lines were read, and the
`LogTemplate` rows; both move on in one transaction, or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from airra.lib.db import Conflict
from airra.lib.ids import uuid7
from airra.lib.redact import redact
from analysis.commands.checkpoint import FIRST_S, no_longer, remember, remembered
from analysis.models import Detector, LogTemplate
from analysis.perception.log_counts import LOOK_S, Counts, Whole
from analysis.perception.log_watch import Known, Sensitivity, ServiceLog, by_service
from analysis.queries.sources import open_logs
from analysis.types import LogLine, LogSource, SignalFinding

log = structlog.get_logger(__name__)

SETTLE_S = 10.0  # lines arrive late; what comes later than this is not counted
_MAX_BEHIND = 60  # looks: after a longer pause the lines between are not read
_LINES = 10_000
_LINES_EACH = 2_000  # of one service, where the lines of all did not fit
_MAX_SERVICES = 200
_FORGOTTEN = timedelta(days=30)
_ODD = 2  # lines in all
_MAX_NAME = 120


@dataclass(frozen=True)
class _Read:
    """The lines of one service and the first look from which on all of them are there."""

    whole_from: int
    lines: Sequence[LogLine] = ()


@dataclass
class _Memory:
    logs: dict[str, ServiceLog] = field(default_factory=dict)


def look(detector: Detector, now: datetime) -> list[SignalFinding]:
    """What is odd in the logs as of `now`, and what no longer is. Raises `ConnectorError`.

    `details["may_open"]` says whether a finding may open an incident or is evidence only. Nothing
    is found when another worker looked meanwhile: what it found is the answer.
    """
    state = remembered(detector)
    memory = _restored(detector, state.series if state else [])
    end = int((now.timestamp() - SETTLE_S) // LOOK_S)
    behind = int(FIRST_S // LOOK_S)
    first = int(state.newest_at.timestamp() // LOOK_S) if state else end - behind
    first = max(first, end - max(_MAX_BEHIND, behind))
    how = Sensitivity(alarms_per_week=detector.alarms_per_week, floor=detector.floor)
    if first < end:
        reads = _read(open_logs(detector.connector), first, end, known=memory.logs)
        _take(memory, reads, first=first, end=end, how=how)
        try:
            with transaction.atomic():
                remember(
                    detector,
                    state,
                    series=[_to_json(each) for each in memory.logs.values()],
                    newest_at=datetime.fromtimestamp(end * LOOK_S, UTC),
                )
                _store(detector, memory)
                _forget(detector, memory, now)
        except Conflict:
            log.info("logs_watched_by_another", detector=detector.name)
            return []
    found = [finding for each in memory.logs.values() for finding in each.findings(how)]
    return [*found, *no_longer(detector, found)]


def _read(source: LogSource, first: int, end: int, *, known: Iterable[str]) -> dict[str, _Read]:
    """The lines of looks [first, end) by service; `""` stands for the services without any.

    When there are more than one answer may hold, the older ones are read service by service, so
    that one flood does not hide the others.
    """
    lines = source.lines(start=first * LOOK_S, end=end * LOOK_S, limit=_LINES)
    if len(lines) < _LINES:
        found = {name: _Read(first, own) for name, own in by_service(_clean(lines)).items()}
        return {"": _Read(first), **found}
    cut = min(int(lines[0].at // LOOK_S) + 1, end)
    newer = by_service(_clean(line for line in lines if line.at >= cut * LOOK_S))
    names = {*known, *(line.service for line in lines)}
    log.info("logs_cut", looks=end - first, whole=end - cut, services=len(names))
    reads = {"": _Read(cut)}
    for name in sorted(names)[:_MAX_SERVICES]:
        own = source.lines(start=first * LOOK_S, end=cut * LOOK_S, service=name, limit=_LINES_EACH)
        is_cut = len(own) >= _LINES_EACH
        whole_from = min(int(own[0].at // LOOK_S) + 1, cut) if is_cut else first
        reads[name] = _Read(whole_from, [*_clean(own), *newer.get(name, ())])
    return reads


def _clean(lines: Iterable[LogLine]) -> list[LogLine]:
    """What may be stored: no secrets, nothing a database refuses, names as long as a service's."""
    return [
        LogLine(
            at=line.at,
            service=_storable(line.service)[:_MAX_NAME],
            instance=line.instance,
            level=_storable(line.level)[:20],
            message=redact(_storable(line.message)),
            trace_id=_storable(line.trace_id)[:64],
        )
        for line in lines
        if line.service
    ]


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _take(
    memory: _Memory, reads: dict[str, _Read], *, first: int, end: int, how: Sensitivity
) -> None:
    for name in sorted({*memory.logs, *reads} - {""}):
        read = reads.get(name, reads[""])
        if name not in memory.logs:
            if len(memory.logs) >= _MAX_SERVICES:
                log.warning("log_services_left_out", service=name, most=_MAX_SERVICES)
                continue
            since = int(min(line.at for line in read.lines) // LOOK_S)
            memory.logs[name] = _service_log(name, since)
        memory.logs[name].take(
            read.lines, first=first, end=end, whole_from=read.whole_from, how=how
        )


def _service_log(name: str, since: int, **fields: Any) -> ServiceLog:
    return ServiceLog(name, since, lambda: str(uuid7()), **fields)


# --- the memory as rows ------------------------------------------------------------------------
def _restored(detector: Detector, states: Iterable[dict[str, Any]]) -> _Memory:
    memory = _Memory()
    for state in states:
        memory.logs[state["service"]] = _service_log(
            state["service"], state["since"], whole=Whole(state["whole"]), births=state["births"]
        )
    for row in detector.log_templates.order_by("first_seen_at", "id"):
        each = memory.logs.get(row.service)
        if each is None:
            continue
        each.restore(
            row.text,
            id=str(row.pk),
            level=row.level,
            first_seen=row.first_seen_at.timestamp(),
            last_seen=row.last_seen_at.timestamp(),
            was_new=row.was_new,
            total=row.total,
            counts=Counts.from_json(row.counts),
            exemplars=list(row.trace_ids),
        )
    return memory


def _to_json(each: ServiceLog) -> dict[str, Any]:
    return {
        "service": each.service,
        "since": each.since,
        "whole": each.whole.ranges,
        "births": each.births,
    }


def _store(detector: Detector, memory: _Memory) -> None:
    changed = [
        _row(detector, each.service, known)
        for each in memory.logs.values()
        for known in each.known.values()
        if known.is_changed
    ]
    LogTemplate.objects.bulk_create(
        changed,
        batch_size=200,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["text", "level", "last_seen_at", "total", "counts", "trace_ids"],
    )


def _forget(detector: Detector, memory: _Memory, now: datetime) -> None:
    """Templates unseen for a month; where there is no room left, the odd lines of days before."""
    rows = detector.log_templates.all()
    rows.filter(last_seen_at__lt=now - _FORGOTTEN).delete()
    crowded = [each.service for each in memory.logs.values() if each.miner.is_full]
    if crowded:
        odd = Q(total__lte=_ODD, last_seen_at__lt=now - timedelta(days=1))
        number, _ = rows.filter(odd, service__in=crowded).delete()
        log.warning("log_templates_crowded", services=crowded[:10], forgotten=number)


def _row(detector: Detector, service: str, known: Known) -> LogTemplate:
    return LogTemplate(
        id=UUID(known.id),
        detector=detector,
        service=service,
        text=known.template.text,
        level=known.level,
        was_new=known.was_new,
        first_seen_at=datetime.fromtimestamp(known.first_seen, UTC),
        last_seen_at=datetime.fromtimestamp(known.last_seen, UTC),
        total=known.total,
        counts=known.counts.to_json(),
        trace_ids=known.exemplars,
    )
