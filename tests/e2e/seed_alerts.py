"""Alerts in every status, silences in every standing, and texts that outsiders wrote."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from airra.lib import clock
from incidents.commands import rule_trial
from incidents.lifecycle import AlertStatus, Severity, State
from incidents.models import (
    Alert,
    GroupingDecision,
    Incident,
    Integration,
    RuleTrial,
    Silence,
)
from tests.factories import incidents as make

LONG = "a_label_that_goes_on_" + "y" * 70
HOSTILE = "<img src=x onerror=alert(1)> in a label"


def _sender() -> Integration:
    found, _ = Integration.objects.get_or_create(
        workspace=make.workspace(), name="alertmanager", defaults={"kind": "alertmanager"}
    )
    return found


def _alert(title: str, *, minutes: float = 12, about: str = "ledger", **fields: Any) -> Alert:
    began = clock.now() - timedelta(minutes=minutes)
    given: dict[str, Any] = {
        "dedup_key": title,
        "status": AlertStatus.FIRING,
        "severity": Severity.MEDIUM,
        "severity_reason": "its sender said “warning”",
        "service": make.service(about),
        "labels": {"alertname": title.split(" on ", maxsplit=1)[0], "region": "eu-1"},
        "starts_at": began,
        "received_at": began,
        "last_seen_at": clock.now() - timedelta(minutes=1),
    }
    sender = _sender()
    return Alert.objects.create(
        workspace=sender.workspace, integration=sender, title=title, **given | fields
    )


def _decided(alert: Alert, means: str, reason: str) -> None:
    GroupingDecision.objects.create(
        alert=alert, incident=alert.incident, means=means, reason=reason, at=alert.received_at
    )


def _of_one_incident() -> None:
    home = make.incident(
        title="ledger: 41 % of the bookings fail",
        about=make.service("ledger"),
        state=State.ACKNOWLEDGED,
        acknowledged_at=clock.now(),
        acknowledged_by=User.objects.get(username="responder"),
        source=Incident.Source.ALERT,
    )
    means = GroupingDecision.Means
    flapping = _alert(
        "BookingsFail on ledger",
        minutes=6,
        incident=home,
        is_flapping=True,
        severity=Severity.CRITICAL,
        severity_mapped=False,
        severity_reason=(
            "severity “page” is not known, taken as critical: ledger is critical, and 6 services "
            "depend on it"
        ),
        description="41 % of the bookings of the last five minutes were refused.\nSee the runbook.",
        labels={"alertname": "BookingsFail", "region": "eu-1", "note": HOSTILE, LONG: "1"},
        annotations={"runbook_url": "https://runbooks.example.org/ledger", "summary": HOSTILE},
        url="https://prometheus.example.org/graph?g0.expr=" + "x" * 120,
        times_seen=14,
    )
    _decided(flapping, means.KEY, f"the same alert belongs to {home.key}")
    for minutes in (20, 34, 48):
        again = _alert(
            "BookingsFail on ledger",
            minutes=minutes,
            incident=home,
            status=AlertStatus.RESOLVED,
            ends_at=clock.now() - timedelta(minutes=minutes - 6),
        )
        _decided(again, means.ALONE, "nothing else is open for ledger")
    for status in (AlertStatus.ACKNOWLEDGED, AlertStatus.NO_DATA, AlertStatus.SUPPRESSED):
        told = _alert(f"Queue{status.capitalize()} on ledger", incident=home, status=status)
        _decided(told, means.SIMILARITY, f"{home.key} is about ledger too: opened 4 min ago")


def _trials(who: dict[str, User]) -> None:
    """A rule tried with every end, and one that is being tried for ever."""
    draft = {"name": "one region", "match": "all", "group_by": ["region"], "window_min": 10,
             "matchers": [{"label": "region", "op": "=", "value": "eu-1"}], "threshold": 1,
             "position": 100}  # fmt: skip
    now = clock.now()
    fields = {"workspace": _sender().workspace, "draft": draft, "days": 7}
    by = {"requested_by": who["responder"], "finished_at": now}
    RuleTrial.objects.create(**fields, **by, state="cancelled")
    late = {"error": "it did not end within 15 minutes: try it on fewer days"}
    RuleTrial.objects.create(**fields, **by, **late, state="failed")
    held = {"lease_until": now + timedelta(days=1), "started_at": now - timedelta(seconds=70)}
    asked = {"requested_by": who["approver"], "created_at": now - timedelta(seconds=80)}
    RuleTrial.objects.create(**fields, **asked, **held, state="running", total=36400, done=11200)
    done = RuleTrial.objects.create(**fields, requested_by=who["admin"])
    rule_trial.run(trial_id=str(done.pk))


def alerts(who: dict[str, User]) -> None:
    _of_one_incident()
    now = clock.now()
    active = make.silence(
        kind=Silence.Kind.MAINTENANCE,
        created_by=who["responder"],
        service=make.service("archive"),
        matchers=[{"label": "host", "op": "=~", "value": "disk-[0-9]+|tape-.*"}],
    )
    make.silence(
        reason=f"Load test of {LONG}",
        starts_at=now + timedelta(hours=5),
        ends_at=now + timedelta(hours=7),
        created_by=who["admin"],
        replays=False,
    )
    make.silence(
        reason="Move of the archive",
        starts_at=now - timedelta(days=2),
        ends_at=now - timedelta(days=1),
        created_by=who["admin"],
        replayed_at=now - timedelta(days=1),
    )
    for number in range(3):
        quiet = _alert(f"DiskFull {number} on archive", about="archive", silenced_by=active)
        _decided(quiet, GroupingDecision.Means.SILENCED, f"maintenance window “{active}”")
    for number in range(60):
        _alert(
            f"Backup {number} on archive",
            about="archive",
            minutes=600 + number,
            status=AlertStatus.RESOLVED,
            severity=list(Severity)[number % 5],
            ends_at=now - timedelta(minutes=590 + number),
        )
    _trials(who)
