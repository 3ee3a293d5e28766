"""What a look found, written down: anomalies opened, extended and ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction

from airra.lib import metrics
from analysis.models import Anomaly, Detector
from analysis.types import SignalFinding, Trouble
from incidents.commands.service import ensure

MAX_KEY = 300
_GONE = timedelta(minutes=10)  # without data: the instance is no more, and neither is its anomaly


@dataclass(frozen=True)
class Look:
    """One look through a detector: what it found, at how many series, up to when."""

    findings: Sequence[SignalFinding] = field(default_factory=list)
    series: int = 0
    newest_at: datetime | None = None


def open_of(detector: Detector) -> dict[str, Anomaly]:
    """The anomalies of a detector that last, by series key."""
    lasting = detector.anomalies.filter(ended_at__isnull=True).select_related("service")
    return {anomaly.series_key: anomaly for anomaly in lasting}


def as_finding(anomaly: Anomaly) -> SignalFinding:
    """What is stored of an anomaly, as the finding that would say the same again."""
    return SignalFinding(
        key=anomaly.series_key,
        labels=anomaly.labels,
        service=anomaly.service.name if anomaly.service else "",
        kind=Trouble(anomaly.kind),
        direction=anomaly.direction,
        started_at=anomaly.started_at.timestamp(),
        last_at=anomaly.last_at.timestamp(),
        value=anomaly.value,
        expected=anomaly.expected,
        low=anomaly.low,
        high=anomaly.high,
        score=anomaly.score,
        p_value=anomaly.p_value,
        details=anomaly.details,
    )


@transaction.atomic
def record(
    detector: Detector, look: Look, *, known: Mapping[str, Anomaly], now: datetime
) -> list[Anomaly]:
    """Bring the anomalies of this detector up to date; returns those newly opened.

    An anomaly ends when a look says so, or when nothing was heard of its series for ten minutes.
    """
    opened = []
    heard = set()
    for finding in look.findings:
        key = finding.key[:MAX_KEY]
        heard.add(key)
        if key in known:
            _follow(known[key], finding)
        elif not finding.is_over:
            opened.append(_open(detector, key, finding))
    for key, anomaly in known.items():
        if key not in heard and now - anomaly.last_at > _GONE:
            Anomaly.objects.filter(pk=anomaly.pk).update(ended_at=anomaly.last_at)
    return [anomaly for anomaly in opened if anomaly is not None]


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _open(detector: Detector, key: str, finding: SignalFinding) -> Anomaly | None:
    name = finding.service
    try:
        with transaction.atomic():
            anomaly = Anomaly.objects.create(
                detector=detector,
                service=ensure(workspace=detector.workspace, name=name) if name else None,
                series_key=key,
                labels=dict(finding.labels),
                started_at=_at(finding.started_at),
                last_at=_at(finding.last_at),
                direction=finding.direction,
                value=finding.value,
                expected=finding.expected,
                low=finding.low,
                high=finding.high,
                score=finding.score,
                kind=finding.kind,
                p_value=finding.p_value,
                details=dict(finding.details),
                may_open=finding.details.get("may_open", True),
            )
    except IntegrityError:
        # Another run of the same detector, woken twice, stored it first.
        return None
    metrics.ANOMALIES.labels(signal=detector.signal).inc()
    return anomaly


def _follow(anomaly: Anomaly, finding: SignalFinding) -> None:
    """Extend an open anomaly, or end it. The band it left stays the one it is held against."""
    last_at = max(_at(finding.last_at), anomaly.started_at)
    changed: dict[str, object] = {"last_at": last_at}
    if finding.is_over:
        changed["ended_at"] = last_at
    else:
        changed["value"] = finding.value
        changed["score"] = max(anomaly.score, finding.score)
        changed["details"] = {**anomaly.details, **finding.details}
    Anomaly.objects.filter(pk=anomaly.pk).update(**changed)
