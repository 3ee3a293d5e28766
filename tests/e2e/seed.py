"""A believable picture for looking at pages; `fill` is called in `manage.py shell`."""

import math
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from airra.lib import clock
from analysis.commands import tuning
from analysis.models import Anomaly, Investigation
from analysis.types import Trouble
from incidents.commands import audit
from incidents.commands import service as services
from incidents.lifecycle import Severity, State
from incidents.models import Incident, SavedView, TimelineEvent
from incidents.permissions import Role
from remediation.models import Runbook
from tests.e2e import seed_alerts, seed_investigations, seed_models
from tests.e2e.seed_foretold import foretold
from tests.e2e.seed_intake import intake
from tests.factories import analysis, remediation
from tests.factories import incidents as make
from tools.stack import PASSWORD

LONG_WORD = "a_very_long_word_" + "x" * 60
HOSTILE = f"<script>alert('title')</script> in a title from outside, and {LONG_WORD}"
SHOP = ("payments", "checkout", "gateway", "search", "inventory", "database")
NAMES = {
    "viewer": ("Vera", "Lind"),
    "responder": ("Remi", "Okafor"),
    "approver": ("Ana", "Sousa"),
    "second": ("Ben", "Meyer"),
    "admin": ("Ada", "Novak"),
}


def people() -> dict[str, User]:
    roles = {name: Role.APPROVER if name == "second" else Role(name) for name in NAMES}
    made = {
        name: make.person(
            roles[name],
            username=name,
            first_name=first,
            last_name=last,
            is_staff=name == "admin",
        )
        for name, (first, last) in NAMES.items()
    }
    for user in made.values():
        user.set_password(PASSWORD)
        user.save()
    return made


def sources(url: str) -> None:
    """Sources and detectors in every standing: one Prometheus answers, one does not."""
    now = clock.now()
    analysis.connector(url=url)
    broken = analysis.connector(
        name="prometheus-eu",
        url="http://127.0.0.1:9",
        last_ok_at=now - timedelta(minutes=15),
        last_error="connection refused",
        last_error_at=now,
        failing_since=now - timedelta(minutes=14),
        failures=9,
    )
    analysis.connector(name="loki", kind="loki", url="http://loki:3100", is_enabled=False)
    analysis.connector(name="collector", kind="otlp", url="", last_ok_at=None)
    analysis.detector("memory")
    analysis.detector("latency p99", query="latency_seconds", signal="latency", unit="s")
    analysis.detector("error ratio", query="error_ratio", signal="errors", unit="ratio")
    analysis.detector("requests", query="requests_per_second", signal="traffic", unit="1/s")
    analysis.detector(
        "cpu eu", query="cpu", signal="cpu", connector=broken, last_error="connection refused"
    )
    analysis.detector("disk", query="disk", muted_until=now + timedelta(hours=3))
    analysis.detector("old rule", query="old", is_enabled=False, last_run_at=None)


def judged(who: dict[str, User]) -> None:
    """Anomalies of every kind on one detector, some of which people have judged."""
    rule = analysis.detector("memory")
    now = clock.now()
    analysis.state(rule, *({"service": name, "instance": f"{name}-1"} for name in SHOP))
    for number, kind in enumerate(Trouble):
        name = SHOP[number % len(SHOP)]
        found = Anomaly.objects.create(
            detector=rule,
            service=make.service(name),
            series_key=f"instance={name}-1,service={name}",
            started_at=now - timedelta(hours=3 + 7 * number),
            last_at=now - timedelta(hours=2.5 + 7 * number),
            ended_at=now - timedelta(hours=2.5 + 7 * number),
            direction="up",
            value=(600 + number) * 1024**2,
            expected=410 * 1024**2,
            low=350 * 1024**2,
            high=470 * 1024**2,
            score=6.2,
            kind=kind,
            p_value=10 ** -(4 + number / 3),
            reason="alone on its service, and gone within half an hour",
        )
        if number % 5 == 1:
            tuning.say(
                anomaly=found, feedback=("real", "not_an_anomaly")[number % 2], by=who["responder"]
            )
    tuning.snooze(
        detector=rule,
        series_key="instance=search-1,service=search",
        until=now + timedelta(hours=8),
        by=who["responder"],
    )


def settle(about: Any, story: str) -> Any:
    return analysis.settled(about, summary=story)


def waiting(who: dict[str, User]) -> Incident:
    """The showpiece: critical, awaiting approval, with everything on the page."""
    remediation.policy()
    about = remediation.with_story(owner=who["responder"])
    for name, unit, low, high in (("latency p99", 4.1, 0.08, 0.2), ("error ratio", 0.09, 0, 0.01)):
        analysis.anomaly(
            about, by=analysis.detector(name), value=unit, low=low, high=high, score=9.1
        )
    make.event(
        about,
        TimelineEvent.Kind.NOTE,
        "Called the payments team.\nThey see <b>swap</b> on both hosts & agree with a restart.",
        age_s=60,
        by=who["responder"],
    )
    return about


def second_question(who: dict[str, User]) -> None:
    """High risk: two people, one has approved; asked for by a person."""
    checkout = make.service("checkout")
    about = make.incident(
        title="checkout: error ratio 9 %",
        about=checkout,
        state=State.AWAITING_APPROVAL,
        age_s=1500,
    )
    run = settle(about, "Errors of checkout began with v4.2.0.")
    plan = remediation.plan(
        about,
        run,
        action="rollback",
        service_name="checkout",
        title="Roll back checkout to v4.1.9",
        why="the deploy of v4.2.0 broke checkout",
        target_id="checkout",
        before={"version": "v4.2.0", "replicas": 3},
        after={"version": "v4.1.9", "replicas": 3},
        risk_band="high",
        risk_score=21.4,
        decision="two",
        reversibility="exact_undo",
        undo={"action": "rollback", "service": "checkout", "params": {"to_revision": "v4.2.0"}},
        plan_hash="b" * 64,
        decision_reasons=["high risk: two people decide"],
        checks=[{"name": "Target", "ok": True, "detail": "exactly one: checkout"}],
        requested_by=who["responder"],
    )
    remediation.approval(
        plan,
        requested_by=who["responder"],
        first_approver=who["second"],
        expires_at=clock.now() + timedelta(minutes=4),
    )


def acted(who: dict[str, User], state: State, execution: str, **fields: Any) -> Any:
    """An incident whose plan was approved and runs, or ran."""
    name = {"executing": "search", "verifying": "inventory"}.get(str(state), "gateway")
    about = make.incident(
        title=f"{name}: latency 2.4 s",
        about=make.service(name),
        state=state,
        age_s=2400,
        owner=who["responder"],
        acknowledged_by=who["responder"],
        acknowledged_at=clock.now() - timedelta(seconds=2200),
        **fields,
    )
    run = settle(about, f"{name} has more work than its workers can do.")
    is_over = state is State.RESOLVED
    plan = remediation.plan(
        about,
        run,
        action="scale",
        service_name=name,
        title=f"Scale {name} to 6",
        why=f"{name} has more traffic than three workers can serve",
        target_id=name,
        state="done" if is_over else "approved",
        plan_hash=f"{name:c<64}",
        before={"replicas": 3},
        after={"replicas": 6},
        risk_band="low",
        risk_score=2.1,
    )
    asked = remediation.approval(
        plan,
        state="approved",
        mode="live",
        decided_by=who["approver"],
        decided_at=clock.now() - timedelta(seconds=75),
        reason="traffic is real; scale it",
    )
    verdict = {"verdict": "match", "verdict_reason": "four good samples in a row"}
    remediation.execution(
        asked,
        by=who["approver"],
        state=execution,
        **({"samples": [], "effect_at": None} if state is State.EXECUTING else {}),
        **(verdict if is_over else {}),
    )
    return about


def others(who: dict[str, User]) -> None:
    """One incident in every other state."""
    payments = make.service("payments")
    fresh = make.incident(title=HOSTILE, severity=Severity.LOW, source="alert", age_s=35)
    make.alert(fresh, title=HOSTILE, severity=Severity.LOW)
    make.incident(title="batch: nightly export is late", severity=Severity.INFO, age_s=5400)
    make.incident(
        title="database: 412 connections of 500",
        about=make.service("database"),
        severity=Severity.MEDIUM,
        state=State.ACKNOWLEDGED,
        age_s=900,
        owner=who["admin"],
        acknowledged_by=who["admin"],
        acknowledged_at=clock.now() - timedelta(seconds=800),
    )
    running = make.incident(
        title="search: no answer from eu-1", about=make.service("search"), state=State.ANALYSING
    )
    analysis.anomaly(running, by=analysis.detector("cpu eu"), value=0.97, low=0.1, high=0.5)
    seed_investigations.running(running, who)
    stuck = seed_investigations.abstaining()
    make.event(
        stuck,
        TimelineEvent.Kind.PLAN,
        "finds no safe action",
        age_s=7000,
        reasons=["no hypothesis above 45 %", "inventory holds state: a restart may lose data"],
    )
    make.incident(
        title="payments: slow card checks",
        about=payments,
        state=State.MERGED,
        age_s=300,
        merged_into=payments.incidents.filter(state=State.AWAITING_APPROVAL).first(),
    )
    broke = make.incident(title="gateway: 502 from search", state=State.ANALYSING, age_s=610)
    analysis.investigation(
        broke, state=Investigation.State.FAILED, error="the reasoner did not answer", outcome=""
    )


def history(who: dict[str, User]) -> None:
    ended = acted(
        who,
        State.RESOLVED,
        "succeeded",
        resolution="verified: latency of gateway is back below 300 ms",
        resolved_at=clock.now() - timedelta(minutes=6),
    )
    names = ("checkout", "search", "gateway", "payments")
    for number in range(32):
        age = 86_400 * (1 + number / 3)
        make.incident(
            title=f"{names[number % 4]}: latency {0.4 + number / 10:.1f} s",
            about=make.service(names[number % 4]),
            severity=list(Severity)[number % 5],
            state=State.CLOSED if number % 3 else State.RESOLVED,
            age_s=age,
            resolved_at=clock.now() - timedelta(seconds=age - 1200),
        )
    for number in range(56):
        by = (who["responder"], who["approver"], None)[number % 3]
        audit.record(
            ("incident.acknowledged", "plan.approved", "incident.moved")[number % 3],
            target=ended,
            by=by,
            before={"state": "open"},
            after={"state": "acknowledged", "owner": "responder"},
            reason="=cmd() <img src=x onerror=alert(1)>" if number % 7 == 0 else "",
        )


def book(who: dict[str, User]) -> None:
    """Runbooks, and a view somebody saved."""
    Runbook.objects.create(
        workspace=make.workspace(),
        title="Payments is slow",
        service=make.service("payments"),
        steps="Look at the swap of both hosts\nCompare with the last deploy\nRestart one at a time",
    )
    SavedView.objects.create(
        workspace=make.workspace(),
        owner=who["admin"],
        name="Payments, critical",
        query="view=open&service=payments&severity=critical",
    )
    SavedView.objects.create(
        workspace=make.workspace(),
        owner=who["admin"],
        page=SavedView.Page.ALERTS,
        name="Ledger, critical",
        query="view=all&q=ledger&severity=critical",
    )


def sample(query: str, service: str, at: float, now: float) -> float:
    """What the metrics source says: calm waves, a busy half hour of checkout, payments leaking."""
    base = {"process_resident_memory_bytes": 410 * 1024**2, "latency_seconds": 0.12}
    level = base.get(query, {"error_ratio": 0.004, "requests_per_second": 84.0}.get(query, 0.3))
    noise = math.sin(at / 37) + 0.6 * math.sin(at / 11 + len(query)) + 0.4 * math.sin(at / 3.7)
    value = level * (1 + 0.03 * noise)
    if service == "checkout" and 0 <= at - (now - 5 * 3600) < 1800:
        value *= 1.6
    trouble = max(0.0, at - (now - 280)) / 280
    if service == "payments" and query != "requests_per_second":
        value *= 1 + trouble * (1.3 if "memory" in query else 20)
    return value


def calls(who: dict[str, User]) -> None:
    """Calls of every standing around checkout: of two sources, stale, added and hidden by hand."""
    now, shop = clock.now(), make.shop()
    checkout, by = shop["checkout"], who["admin"]
    services.link(caller=shop["gateway"], callee=checkout, source="metrics")
    services.link(caller=shop["gateway"], callee=checkout, source="traces")
    fax, long_ago = make.service("fax"), now - timedelta(days=3)
    services.link(caller=checkout, callee=fax, source="traces", seen_at=long_ago)
    reason = f"The nightly batch, see the runbook of {LONG_WORD} and <b>ask</b> the team."
    services.say(caller=checkout, callee=make.service("bank"), reason=reason, by=by)
    wrong = services.link(caller=checkout, callee=shop["search"], source="traces")
    services.hide(edge=wrong, reason="A health check of the mesh.", by=by)


def fill(url: str) -> None:
    who = people()
    sources(url)
    story = waiting(who)
    second_question(who)
    acted(who, State.EXECUTING, "unknown")
    acted(who, State.VERIFYING, "verifying")
    others(who)
    foretold()
    seed_investigations.cancelled(who)
    seed_investigations.by_a_model()
    seed_models.asked()
    seed_investigations.shared(story)
    history(who)
    book(who)
    judged(who)
    calls(who)
    intake(who)
    seed_alerts.alerts(who)
