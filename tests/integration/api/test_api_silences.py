"""Silences over the API: begun, told with what they swallowed, ended early."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from airra.lib import clock
from incidents.models import Alert, AuditEvent, Silence
from tests.factories import incidents as make
from tests.integration.api.conftest import Caller, assert_problem

pytestmark = pytest.mark.django_db
MANY = 60
BUDGET = 12
EU = {"label": "region", "op": "=", "value": "eu-1"}


def until(hours: float = 2) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def asked(**given: Any) -> dict[str, Any]:
    return {"reason": "new disks", "matchers": [EU], "ends_at": until(), **given}


def swallowed(silence: Silence, number: int) -> list[Alert]:
    about = make.incident()
    return [make.alert(about, title=f"alert {each}", silenced_by=silence) for each in range(number)]


def test_a_silence_is_begun_now_until_a_moment(remi: Caller, hands: clock.Hands) -> None:
    make.service("payments")
    answer = remi.post("/silences", asked(service="payments", kind="maintenance"))
    assert answer.status_code == 201
    said = answer.json()
    assert (said["standing"], said["kind"], said["service"]) == (
        "active",
        "maintenance",
        "payments",
    )
    assert (said["matchers"], said["replays"], said["created_by"]) == ([EU], True, "remi")
    assert datetime.fromisoformat(said["starts_at"]) == clock.now()
    made = Silence.objects.get()
    assert (str(made.pk), made.reason, made.matchers) == (said["id"], "new disks", [EU])
    assert AuditEvent.objects.filter(kind="silence.created").count() == 1


def test_a_window_to_come_is_told_in_utc(remi: Caller, hands: clock.Hands) -> None:
    said = remi.post(
        "/silences", asked(starts_at="2026-03-03T02:00:00+02:00", ends_at="2026-03-03T04:00:00Z")
    ).json()
    assert said["standing"] == "coming"
    assert (said["starts_at"], said["ends_at"]) == ("2026-03-03T00:00:00Z", "2026-03-03T04:00:00Z")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 301}, "reason"),
        ({"kind": "quiet"}, "kind"),
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"label": "a", "op": "==", "value": "b"}]}, "matchers.0.op"),
        ({"matchers": [{"label": "a", "op": "=~", "value": "("}]}, "matchers.0"),
        ({"matchers": [{"label": " ", "op": "=", "value": "b"}]}, "matchers.0.label"),
        ({"matchers": [{"label": "a", "op": "=", "value": "\x00"}]}, "matchers.0.value"),
        ({"matchers": [EU] * 21}, "matchers"),
        ({"service": "nobody knows"}, "service"),
        ({"ends_at": None}, "ends_at"),
        ({"ends_at": "2026-03-03T04:00:00"}, "ends_at"),
        ({"ends_at": "2026-03-02T02:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-05-03T04:00:00Z"}, "ends_at"),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, "ends_at"),
        ({"starts_at": "2026-03-02T09:00:00Z"}, "ends_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
    ],
)
def test_what_is_missing_is_told_beside_its_field(
    remi: Caller, hands: clock.Hands, given: dict[str, Any], field: str
) -> None:
    said = assert_problem(remi.post("/silences", asked(**given)), 422, field.partition(".")[0])
    assert [error["field"] for error in said["errors"]] == [field]
    assert said["errors"][0]["message"]
    assert not Silence.objects.exists()


def test_a_pattern_that_cannot_be_used_is_told_in_our_words(remi: Caller) -> None:
    wrong = {"label": "a", "op": "=~", "value": "("}
    (error,) = remi.post("/silences", asked(matchers=[wrong])).json()["errors"]
    assert error["message"].startswith("a: “(” is not understood here")


def test_one_silence_counts_and_lists_what_it_swallowed(vera: Caller) -> None:
    silence = make.silence()
    first, second = swallowed(silence, 2)
    said = vera.get(f"/silences/{silence.pk}").json()
    assert said["swallowed"] == 2
    assert [each["id"] for each in said["alerts"]] == [str(second.pk), str(first.pk)]
    assert said["alerts"][0]["silenced_by"] == str(silence.pk)


def test_silences_are_listed_by_where_they_stand(vera: Caller, hands: clock.Hands) -> None:
    now = clock.now()
    over = make.silence(reason="over", starts_at=now - timedelta(hours=2), ends_at=now)
    active = make.silence(reason="active")
    coming = make.silence(reason="coming", starts_at=now + timedelta(minutes=1))
    swallowed(active, 3)

    def reasons(**query: str) -> list[str]:
        found = vera.get("/silences", **query).json()["items"]
        assert all(each["standing"] == each["reason"] for each in found)
        return [each["reason"] for each in found]

    assert reasons() == ["coming", "active", "over"]
    for one in (over, active, coming):
        assert reasons(standing=one.reason) == [one.reason]
    counted = {e["reason"]: e["swallowed"] for e in vera.get("/silences").json()["items"]}
    assert counted == {"over": 0, "active": 3, "coming": 0}
    for field, value in (("standing", "loud"), ("cursor", "x"), ("limit", "0")):
        said = assert_problem(vera.get("/silences", **{field: value}), 422, field)
        assert [error["field"] for error in said["errors"]] == [field]


def test_pages_follow_one_another_without_a_gap(vera: Caller) -> None:
    made = [str(make.silence().pk) for _ in range(5)]
    first = vera.get("/silences", limit=3).json()
    make.silence()
    second = vera.get("/silences", limit=3, cursor=first["next"]).json()
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


def test_a_silence_is_ended_early_and_once(remi: Caller, hands: clock.Hands) -> None:
    silence = make.silence()
    said = remi.post(f"/silences/{silence.pk}/end").json()
    assert said["standing"] == "over"
    assert datetime.fromisoformat(said["ends_at"]) == clock.now()
    assert_problem(remi.post(f"/silences/{silence.pk}/end"), 409)
    assert AuditEvent.objects.filter(kind="silence.ended").count() == 1


def test_a_viewer_reads_silences_and_changes_none(vera: Caller) -> None:
    silence = make.silence()
    for path, body in (("/silences", asked()), (f"/silences/{silence.pk}/end", {})):
        said = assert_problem(vera.post(path, body), 403, "needs the role")
        assert said["roles"] == ["responder", "approver", "admin"]
    silence.refresh_from_db()
    assert silence.ends_at > clock.now()
    assert Silence.objects.count() == 1


def test_silences_of_another_workspace_are_not_there(stranger: Caller) -> None:
    silence = make.silence()
    make.service("payments")
    assert stranger.get("/silences").json() == {"items": [], "next": None}
    assert_problem(stranger.get(f"/silences/{silence.pk}"), 404)
    assert_problem(stranger.post(f"/silences/{silence.pk}/end"), 404)
    assert_problem(stranger.post("/silences", asked(service="payments")), 422, "no service")


def test_many_silences_cost_no_query_more(vera: Caller) -> None:
    first = make.silence()
    swallowed(first, 1)
    paths = ["/silences", f"/silences/{first.pk}"]
    with_one = [vera.queries_of(path, limit=200) for path in paths]
    for number in range(MANY):
        make.silence(service=make.service(f"service-{number}"))
    swallowed(first, MANY)
    assert [vera.queries_of(path, limit=200) for path in paths] == with_one
    assert max(with_one) <= BUDGET
