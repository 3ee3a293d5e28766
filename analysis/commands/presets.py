"""Detectors that fit a source, added at one click: it is asked what it has."""

import math
from collections.abc import Iterable, Mapping

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from airra.lib import clock
from analysis.models import Connector, Detector
from analysis.perception.presets import (
    LOGS,
    METRIC_PRESETS,
    TRACES,
    Fitted,
    Preset,
    Survey,
    fitted,
    labels_to_ask_for,
)
from analysis.queries.sources import open_source
from analysis.types import Frame, LogSource, MetricSource, TraceSource
from incidents.commands import audit
from incidents.permissions import Permission
from incidents.queries.access import require

_SEEN_S = 300  # how far back scrapes are counted
_INTERVAL_S = 30
_MAX_NAME = 100


def install(*, connector: Connector, by: User | None = None, survey: Survey | None = None) -> int:
    """Add each preset that fits the source and that it does not have; returns how many are new.

    The source is asked what it has, unless a survey says so. Raises `ConnectorError`. Changed
    detectors are left alone: one of the same source with the name or the query counts as had.
    """
    if by is not None:
        require(by, Permission.ADMINISTER, connector.workspace)
    found = _fitting(connector, survey)
    with transaction.atomic():
        new = sum(_add(connector, each) for each in found)
        if new:
            audit.record("detectors.installed", target=connector, by=by, after={"detectors": new})
    return new


def _fitting(connector: Connector, survey: Survey | None) -> list[Fitted]:
    source = open_source(connector)
    found: list[Fitted | None] = []
    if isinstance(source, MetricSource):
        has = survey or survey_of(source)
        found += [fitted(preset, has) for preset in METRIC_PRESETS]
    if isinstance(source, LogSource):
        found.append(Fitted(LOGS, "", "service", step_s=_INTERVAL_S))
    if isinstance(source, TraceSource):
        found.append(Fitted(TRACES, "", "service", step_s=_INTERVAL_S))
    return [each for each in found if each is not None]


def _add(connector: Connector, found: Fitted) -> bool:
    """Make the row, unless the source has this detector already."""
    preset = found.preset
    is_named = Q(name__in=_names(preset, connector))
    is_same = Q(rule=preset.rule, query=found.query, direction=preset.direction)
    if connector.detectors.filter(is_named | is_same).exists():
        return False
    Detector.objects.create(
        workspace=connector.workspace,
        connector=connector,
        name=_free_name(preset, connector),
        rule=preset.rule,
        query=found.query,
        service_label=found.service_label,
        signal=preset.signal,
        unit=preset.unit,
        direction=preset.direction,
        alarms_per_week=preset.alarms_per_week,
        floor=preset.floor,
        limit=preset.limit,
        objective=preset.objective,
        horizon_s=preset.horizon_s,
        step_s=found.step_s,
        interval_s=max(found.step_s, _INTERVAL_S),
        opens_incident=preset.opens_incident,
    )
    return True


def _names(preset: Preset, connector: Connector) -> tuple[str, str]:
    """The preset's name, and the one it takes where another source has that."""
    return preset.name, f"{preset.name} ({connector.name})"[:_MAX_NAME]


def _free_name(preset: Preset, connector: Connector) -> str:
    plain, full = _names(preset, connector)
    taken = Detector.objects.filter(workspace=connector.workspace, name=plain).exists()
    return full if taken else plain


def survey_of(source: MetricSource) -> Survey:
    """Which of the metrics that presets need the source has, with which labels, scraped how often.

    A dozen instant queries over these metrics only. Raises `ConnectorError`.
    """
    at = clock.now().timestamp()
    wanted = {name for preset in METRIC_PRESETS for name in (*preset.needs, *preset.unless)}
    jobs = source.query(f"count by (__name__, job) ({_any_of(wanted)})", at=at)
    totals = _sums(jobs)
    labels: dict[str, dict[str, float]] = {name: {} for name in totals}
    for label, metrics in labels_to_ask_for(METRIC_PRESETS).items():
        there = metrics & totals.keys()
        if there:
            having = source.query(f"count by (__name__) ({_any_of(there, label)})", at=at)
            for name, count in _sums(having).items():
                labels[name][label] = min(count / totals[name], 1.0)
    return Survey(labels, _intervals(source, jobs, at))


def _any_of(names: Iterable[str], label: str = "") -> str:
    """A selector of these metrics, of those of their series that have the label if one is named."""
    has_label = f', {label}!=""' if label else ""
    return f'{{__name__=~"{"|".join(sorted(names))}"{has_label}}}'


def _sums(frame: Frame) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for labels, value in zip(frame.labels, frame.values[:, 0], strict=True):
        name = labels.get("__name__", "")
        found[name] = found.get(name, 0.0) + float(value)
    return found


def _intervals(source: MetricSource, jobs: Frame, at: float) -> dict[str, float]:
    """Seconds between two scrapes of each metric in its slowest job, as `up` counts them."""
    scrapes = source.query(f"max by (job) (count_over_time(up[{_SEEN_S}s]))", at=at)
    by_job = {
        labels.get("job", ""): _SEEN_S / float(value)
        for labels, value in zip(scrapes.labels, scrapes.values[:, 0], strict=True)
        if math.isfinite(value) and value > 0
    }
    found: dict[str, float] = {}
    for labels in jobs.labels:
        name, job = labels.get("__name__", ""), labels.get("job", "")
        if job in by_job:
            found[name] = max(found.get(name, 0.0), by_job[job])
    return found
