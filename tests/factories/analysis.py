"""Makers: connectors, detectors, anomalies, and a settled investigation with its ledger."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airra.lib import clock
from analysis.models import (
    Anomaly,
    Claim,
    Connector,
    Detector,
    DetectorState,
    Evidence,
    Hypothesis,
    Investigation,
)
from analysis.types import (
    ChangeFact,
    ClaimVerdict,
    Custody,
    EvidenceStatus,
    HypothesisState,
    Mechanism,
    Onset,
    Outcome,
    TemplateSpike,
    Weight,
)
from incidents.models import Incident, Workspace
from tests.factories import incidents as make


def connector(place: Workspace | None = None, **fields: Any) -> Connector:
    found, _ = Connector.objects.get_or_create(
        workspace=place or make.workspace(),
        name=fields.pop("name", "prometheus"),
        defaults={
            "kind": Connector.Kind.PROMETHEUS,
            "url": "http://127.0.0.1:19090",
            "last_ok_at": clock.now(),
            **fields,
        },
    )
    return found


def detector(name: str = "memory", place: Workspace | None = None, **fields: Any) -> Detector:
    where = place or make.workspace()
    defaults = {
        "connector": connector(where),
        "query": "process_resident_memory_bytes",
        "signal": Detector.Signal.MEMORY,
        "unit": "bytes",
        "last_run_at": clock.now() - timedelta(seconds=12),
        "last_series_count": 6,
    }
    found, _ = Detector.objects.get_or_create(
        workspace=where, name=name, defaults={**defaults, **fields}
    )
    return found


def state(of: Detector, *series: Mapping[str, str]) -> DetectorState:
    """What a detector remembers: these series, and nothing of them."""
    return DetectorState.objects.create(
        detector=of, series=[dict(labels) for labels in series], arrays=b"", newest_at=clock.now()
    )


def anomaly(about: Incident, *, by: Detector | None = None, **fields: Any) -> Anomaly:
    values = {
        "series_key": f"service={about.service}",
        "labels": {"service": str(about.service)},
        "started_at": about.started_at,
        "last_at": clock.now(),
        "direction": "up",
        "value": 912 * 1024**2,
        "expected": 410 * 1024**2,
        "low": 350 * 1024**2,
        "high": 470 * 1024**2,
        "score": 17.4,
        **fields,
    }
    return Anomaly.objects.create(
        detector=by or detector(place=about.workspace),
        service=about.service,
        incident=about,
        **values,
    )


def investigation(about: Incident, **fields: Any) -> Investigation:
    values = {
        "state": Investigation.State.SETTLED,
        "outcome": Outcome.BEST_EFFORT,
        "reasoner": "offline",
        "summary": "The memory of payments began to climb three minutes before its latency did.",
        "attempts": 1,
        "started_at": clock.now() - timedelta(seconds=200),
        "finished_at": clock.now() - timedelta(seconds=180),
        **fields,
    }
    return Investigation.objects.create(incident=about, **values)


def evidence(of: Investigation, seq: int, **fields: Any) -> Evidence:
    now = clock.now()
    values = {
        "tool": "metric_onsets",
        "arguments": {"service": "payments"},
        "native_query": 'process_resident_memory_bytes{service="payments"}',
        "window_start": now - timedelta(seconds=1800),
        "window_end": now,
        "status": EvidenceStatus.OK,
        "coverage": 1.0,
        "summary": f"observation {seq}",
        "custody": Custody.APP_METRIC,
        "duration_ms": 41,
        "hash": hashlib.sha256(f"{of.pk}{seq}".encode()).hexdigest(),
        **fields,
    }
    return Evidence.objects.create(investigation=of, seq=seq, **values)


def hypothesis(of: Investigation, rank: int = 1, **fields: Any) -> Hypothesis:
    values = {
        "entity": "payments",
        "mechanism": Mechanism.LEAK,
        "signal": "memory",
        "statement": "payments leaks memory until it swaps",
        "path": ["payments", "checkout", "gateway"],
        "predictions": ["Memory stays high right after a restart of payments."],
        "origin": "offline",
        "state": HypothesisState.SUPPORTED,
        "confidence": 0.68,
        "caps": ["the offline reasoner alone: at most 0.70"],
        **fields,
    }
    return Hypothesis.objects.create(investigation=of, rank=rank, **values)


def claim(of: Hypothesis, statement: str, *cited: Evidence, **fields: Any) -> Claim:
    made = Claim.objects.create(
        hypothesis=of,
        kind=fields.pop("kind", "onset_before"),
        statement=statement,
        verdict=fields.pop("verdict", ClaimVerdict.HOLDS),
        weight=fields.pop("weight", Weight.STRONG),
        **fields,
    )
    made.evidence.set(cited)
    return made


def _ledger(run: Investigation) -> list[Evidence]:
    began = run.incident.started_at.timestamp()
    place = run.incident.workspace
    leak = Onset("payments", "memory", began, 10, "up", 17.4, 430e6, 956e6, "bytes")
    slow = Onset("payments", "latency", began + 180, 15, "up", 9.1, 0.12, 4.1, "s")
    deploy = ChangeFact("c-81", "payments", began - 60, "deploy", "payments v2.31.0", "ci")
    spike = TemplateSpike(
        "payments", "cache rebuilt in <num> ms", "warn", 410, 3, began, is_new=True
    )
    return [
        evidence(
            run,
            1,
            connector=connector(place),
            summary="memory of payments rose from 410 MiB to 912 MiB",
            facts=[leak.to_json(), slow.to_json()],
            view="payments memory up 17.4 deviations; latency up 9.1 deviations, 180 s later",
        ),
        evidence(
            run,
            2,
            tool="log_templates",
            native_query='{service="payments"} |= ""',
            custody=Custody.APP_TEXT,
            summary="a new template: cache rebuilt in <num> ms, 410 times",
            facts=[spike.to_json()],
            view='WARN payments "cache rebuilt in 812 ms" <script>alert(1)</script>',
        ),
        evidence(
            run,
            3,
            tool="changes",
            native_query="GET /changes",
            custody=Custody.CHANGE_SYSTEM,
            summary="payments v2.31.0 was deployed a minute before",
            facts=[deploy.to_json()],
        ),
        evidence(
            run,
            4,
            tool="trace_edges",
            native_query="service=payments limit=200",
            custody=Custody.TRACE,
            status=EvidenceStatus.PARTIAL,
            coverage=0.6,
            summary="payments spends its time in itself, not in the database",
        ),
        evidence(
            run,
            5,
            tool="platform_state",
            native_query="GET /services/payments",
            custody=Custody.PLATFORM_API,
            status=EvidenceStatus.NO_DATA,
            coverage=0.0,
            summary="the platform reports no restarts of payments",
        ),
    ]


def settled(about: Incident, **fields: Any) -> Investigation:
    """Three rivals with claims for, against, failed and unchecked, over a ledger of five."""
    run = investigation(about, **fields)
    metrics, logs, changes, traces, _ = _ledger(run)
    leak = hypothesis(run, 1, service=about.service)
    claim(leak, "memory rose before latency did", metrics, weight=Weight.DECISIVE)
    claim(leak, "a new log template speaks of cache rebuilds", logs, metrics)
    claim(leak, "the time is spent in payments itself", traces, weight=Weight.WEAK)
    claim(leak, "traffic rose by 9 % as well", metrics, is_for=False, weight=Weight.WEAK)
    claim(
        leak,
        "the process was restarted by the platform",
        metrics,
        verdict=ClaimVerdict.FAILS,
        explanation="no restart in the window",
    )
    deploy = hypothesis(
        run,
        2,
        mechanism=Mechanism.CHANGE,
        statement="the deploy of payments v2.31.0 broke it",
        confidence=0.21,
        state=HypothesisState.PROPOSED,
        caps=["no decisive claim: at most 0.50"],
        is_tainted=True,
    )
    claim(deploy, "the deploy came a minute before", changes, verdict=ClaimVerdict.UNCHECKABLE)
    refuted = hypothesis(
        run,
        3,
        entity="database",
        mechanism=Mechanism.DB_LOCK,
        statement="the database is locked",
        confidence=0.04,
        state=HypothesisState.REFUTED,
    )
    claim(refuted, "database latency rose", traces, verdict=ClaimVerdict.FAILS)
    return run
