"""Which incident an alert joins, and the words that say why; and severity on one scale."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest.alerts import NewAlert
from incidents.ingest.grouping import WINDOW, Grouping, LiveIncident, group
from incidents.ingest.severity import severity_of
from incidents.lifecycle import AlertStatus, Severity

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SENDER = UUID(int=7)
MAX_GROUPING_KEY = 200  # the column's length


def alert(service: str = "payments", dedup_key: str = "a") -> NewAlert:
    return NewAlert(
        dedup_key=dedup_key,
        title="x",
        severity=Severity.HIGH,
        severity_word="high",
        is_severity_mapped=True,
        starts_at=NOW,
        status=AlertStatus.FIRING,
        ends_at=None,
        service=service,
    )


def live(number: int, *, age: timedelta, had_this_alert: bool = False) -> LiveIncident:
    return LiveIncident(UUID(int=number), f"INC-{number}", NOW - age, had_this_alert)


def place(*incidents: LiveIncident, of: NewAlert | None = None) -> Grouping:
    return group(of or alert(), incidents, integration=SENDER, now=NOW)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=9), WINDOW])
def test_within_the_window_it_joins_the_incident_of_its_service(age: timedelta) -> None:
    found = place(live(4, age=age))
    assert found.join == UUID(int=4)
    assert found.reason.startswith("INC-4 is about payments too: opened ")


def test_past_the_window_it_opens_another_under_a_key_of_its_own() -> None:
    found = place(live(4, age=WINDOW + timedelta(seconds=1)))
    assert found.join is None
    assert found.reason == "INC-4 of payments is older than 10 min"
    assert found.key not in {place().key, place(live(5, age=2 * WINDOW)).key}


def test_the_newest_of_several_decides_in_whatever_order_they_come() -> None:
    old, fresh = live(4, age=2 * WINDOW), live(5, age=timedelta(minutes=3))
    assert place(old, fresh) == place(fresh, old)
    assert place(old, fresh).join == fresh.id
    assert place(old, fresh).reason.endswith("opened 3 min ago")


def test_the_same_alert_goes_back_to_its_own_incident_however_old() -> None:
    own = live(4, age=timedelta(days=3), had_this_alert=True)
    found = place(own, live(5, age=timedelta(0)))
    assert (found.join, found.reason) == (own.id, "the same alert belongs to INC-4")


def test_with_nothing_open_it_opens_the_incident_of_its_service() -> None:
    found = place()
    assert (found.join, found.reason) == (None, "nothing else is open for payments")
    assert found.key == place(of=alert(dedup_key="another")).key


def test_without_a_service_it_stands_alone() -> None:
    found = place(of=alert(service=""))
    assert found.join is None
    assert "names no service" in found.reason
    assert found.key != place(of=alert(service="", dedup_key="another")).key
    elsewhere = group(alert(service=""), [], integration=UUID(int=8), now=NOW)
    assert found.key != elsewhere.key


@given(
    service=st.text(max_size=120),
    dedup_key=st.text(min_size=1, max_size=200),
    ages_s=st.lists(st.integers(0, 10**6), max_size=4),
    had=st.booleans(),
)
def test_it_joins_something_live_or_names_a_key_that_fits(
    service: str, dedup_key: str, ages_s: list[int], had: bool
) -> None:
    incidents = [
        live(i + 1, age=timedelta(seconds=age), had_this_alert=had and i == 0)
        for i, age in enumerate(ages_s)
    ]
    found = place(*incidents, of=alert(service, dedup_key))
    assert found.reason
    if found.join is None:
        assert 0 < len(found.key) <= MAX_GROUPING_KEY
    else:
        assert found.join in {incident.id for incident in incidents}


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("FATAL", Severity.CRITICAL),
        ("P1", Severity.CRITICAL),
        ("high", Severity.HIGH),
        ("Error", Severity.HIGH),
        ("p2", Severity.HIGH),
        (" warning ", Severity.MEDIUM),
        ("warn", Severity.MEDIUM),
        ("P3", Severity.MEDIUM),
        ("low", Severity.LOW),
        ("p4", Severity.LOW),
        ("info", Severity.INFO),
        ("debug", Severity.INFO),
        ("p5", Severity.INFO),
    ],
)
def test_the_words_of_senders_on_our_scale(word: str, severity: Severity) -> None:
    assert severity_of(word) == (severity, True)


@pytest.mark.parametrize("word", ["", "page", "p0", "sev1", "critical!"])
def test_an_unknown_word_is_medium_and_flagged(word: str) -> None:
    assert severity_of(word) == (Severity.MEDIUM, False)


@pytest.mark.parametrize("severity", list(Severity))
def test_our_own_words_mean_themselves(severity: Severity) -> None:
    assert severity_of(severity) == (severity, True)
