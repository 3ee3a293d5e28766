"""Alerts and silences as pages: what they show, whom they ask, and that a storm changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import Alert, GroupingDecision, Incident, Integration, Silence, Workspace
from incidents.queries import alerts as queries
from tests.factories import incidents as make
from tests.factories.copies import storm

pytestmark = pytest.mark.django_db

Count = Callable[[str], int]
STORM = 100_000
BUDGET = 12


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    return Integration.objects.create(workspace=workspace, name="storm", kind="alertmanager")


def _rows(sender: Integration, number: int, *, live: int = 0, name: str = "key") -> None:
    """So many alerts that are over, the last `live` of them still firing."""
    at = clock.now() - timedelta(days=1)
    service = make.service("payments")
    Alert.objects.bulk_create(
        (
            Alert(
                id=uuid7(),
                workspace=sender.workspace,
                integration=sender,
                dedup_key=f"{name}-{i}",
                status=AlertStatus.FIRING if i >= number - live else AlertStatus.RESOLVED,
                title=f"alert {i}",
                severity=Severity.HIGH if i % 100 == 0 else Severity.LOW,
                service=service,
                starts_at=at,
                ends_at=None if i >= number - live else at,
                last_seen_at=at,
            )
            for i in range(number)
        ),
        batch_size=2000,
        ignore_conflicts=True,
    )


def _plan(view: str, user: User, **filters: str) -> str:
    """How the database would find the rows of a page."""
    found = queries._narrowed(
        queries._of_view(Alert.objects.all(), view), queries.AlertFilters.parse(filters)
    )
    return found.filter(workspace=Workspace.objects.get()).order_by("-pk")[:51].explain()


def test_a_storm_costs_the_list_no_query_more(
    queries_of: Count, sender: Integration, responder: User
) -> None:
    paths = [f"/alerts/?view={view}" for view in queries.VIEWS]
    paths += ["/alerts/rows/?view=live", "/alerts/?view=all&severity=high&q=alert"]
    _rows(sender, 100, live=60)
    with_few = [queries_of(path) for path in paths]
    _rows(sender, 1, name="storm")
    storm(Alert.objects.get(dedup_key="storm-0"), STORM)
    _rows(sender, 60, live=60, name="late")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE incidents_alert")
    assert Alert.objects.count() >= STORM
    assert [queries_of(path) for path in paths] == with_few
    assert max(with_few) <= BUDGET
    assert "alerts_that_are_live" in _plan("live", responder)
    assert "alerts_that_are_flapping" in _plan("flapping", responder)
    assert "alerts_that_were_silenced" in _plan("silenced", responder)
    for view in queries.VIEWS:
        plan = _plan(view, responder)
        assert "TEMP B-TREE" not in plan, f"{view} sorts every row: {plan}"
        assert "Seq Scan" not in plan, f"{view} reads every row: {plan}"


def test_an_alert_page_asks_the_same_for_many_episodes(
    queries_of: Count, story: Incident, responder: User
) -> None:
    alert = make.alert(story)
    before = queries_of(f"/alerts/{alert.pk}/")
    for day in range(30):
        again = {"status": AlertStatus.RESOLVED, "ends_at": clock.now()}
        Alert.objects.create(
            workspace=alert.workspace,
            integration=alert.integration,
            dedup_key=alert.dedup_key,
            title=alert.title,
            severity=alert.severity,
            starts_at=alert.starts_at - timedelta(days=day + 1),
            incident=story,
            **again,
        )
    assert queries_of(f"/alerts/{alert.pk}/") == before <= BUDGET


@pytest.fixture
def page(client: Client, responder: User) -> Client:
    client.force_login(responder)
    return client


def _text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_filter_narrows_and_the_cursor_walks_all(page: Client, sender: Integration) -> None:
    _rows(sender, 120, live=120)
    Alert.objects.filter(dedup_key="key-7").update(is_flapping=True)
    Alert.objects.filter(dedup_key="key-8").update(status=AlertStatus.NO_DATA)
    assert _text(page, "/alerts/?view=flapping").count("data-row-link") == 1
    assert _text(page, "/alerts/?status=no_data").count("data-row-link") == 1
    assert _text(page, "/alerts/?severity=high").count("data-row-link") == 2
    assert _text(page, "/alerts/?q=alert+119").count("data-row-link") == 1
    assert "Nothing matches this filter" in _text(page, "/alerts/?q=zebra")
    assert _text(page, f"/alerts/?integration={uuid7()}").count("data-row-link") == 0
    assert _text(page, "/alerts/?service=x&status=y&severity=z&view=w&before=v").count("<tr id")
    seen: set[str] = set()
    query = "view=all"
    while query:
        context = page.get(f"/alerts/?{query}").context
        seen |= {row.dedup_key for row in context["rows"]}
        query = context["next"]
    assert len(seen) == 120


def test_labels_in_the_search_narrow_it(page: Client) -> None:
    about = make.incident()
    for title, labels in {
        "Disk full": {"region": "eu-1", "k8s.pod/name": "a"},
        "Disk slow": {"region": "eu-1", "team": "core infra"},
        "Disk lost": {"region": "us-1", "a__b": "'x"},
    }.items():
        make.alert(about, title=title, labels=labels)
    make.alert(about, title="By its key", dedup_key="region=eu-1 key")

    def listed(q: str) -> list[str]:
        rows = page.get("/alerts/", {"q": q}).context["rows"]
        return sorted(row.title for row in rows)

    assert listed("region=eu-1") == ["Disk full", "Disk slow"]
    assert listed("region=eu-1 slow") == ["Disk slow"]
    assert listed('disk team="core infra"') == ["Disk slow"]
    assert listed("k8s.pod/name=a region=eu-1") == ["Disk full"]
    assert listed("a__b='x") == ["Disk lost"]
    assert listed("region=eu-1 key") == ["By its key"]
    assert listed("region=eu") == listed("nothing=eu-1") == listed("region__gt=a") == []
    assert listed("=eu-1") == listed("region=") == []


def test_another_view_keeps_the_search(page: Client) -> None:
    make.alert(make.incident(), labels={"region": "eu-1"})
    shown = _text(page, "/alerts/?q=region%3Deu-1&severity=high")
    assert "?view=resolved&amp;q=region%3Deu-1&amp;severity=high" in shown


def test_a_label_may_have_any_name(page: Client) -> None:
    labels = {"items": "three", "values": "four", "keys": "five"}
    shown = _text(page, f"/alerts/{make.alert(make.incident(), labels=labels).pk}/")
    assert all(value in shown for value in labels.values())


def test_what_is_elsewhere_is_not_shown(page: Client) -> None:
    there = make.workspace("elsewhere")
    far = Integration.objects.create(workspace=there, name="far", kind="generic")
    _rows(far, 3, live=3)
    assert "No alert has come in yet" in _text(page, "/alerts/")
    assert page.get(f"/alerts/{Alert.objects.all()[0].pk}/").status_code == 404


def test_a_poll_without_news_is_answered_304(page: Client, sender: Integration) -> None:
    _rows(sender, 3, live=3)
    tag = page.get("/alerts/rows/").headers["HX-PTag"]
    assert page.get("/alerts/rows/", headers={"HX-PTag": tag}).status_code == 304
    Alert.objects.filter(dedup_key="key-1").update(is_flapping=True)
    assert page.get("/alerts/rows/", headers={"HX-PTag": tag}).status_code == 200


def _poll(page: Client, context: Any) -> Any:
    return page.get(f"/alerts/rows/?{context['query']}")


def test_rows_stay_where_they_are_and_new_ones_are_counted(
    page: Client, sender: Integration
) -> None:
    _rows(sender, 3, live=3)
    first = page.get("/alerts/").context
    shown = [row.pk for row in first["rows"]]
    Alert.objects.filter(pk=shown[0]).update(status=AlertStatus.RESOLVED, ends_at=clock.now())
    Alert.objects.all().update(last_seen_at=clock.now())
    before = Alert.objects.order_by("pk")[0]
    for number in range(2):
        before.pk, before.dedup_key = uuid7(), f"late-{number}"
        before.save(force_insert=True)
    answer = _poll(page, first)
    assert [row.pk for row in answer.context["rows"]] == shown
    assert answer.context["rows"][0].status == AlertStatus.RESOLVED
    text = answer.content.decode()
    assert "2 new alerts: show" in text
    assert 'data-news="2 new alerts"' in text
    again = _poll(page, answer.context)  # the next poll asks for the same rows
    assert [row.pk for row in again.context["rows"]] == shown
    fresh = page.get(f"/alerts/rows/?{answer.context['fresh']}")
    assert [row.pk for row in fresh.context["rows"]][2:] == shown[1:]
    assert fresh.context["new"] == 0


def test_a_full_page_counts_only_what_would_stand_above_its_end(
    page: Client, sender: Integration
) -> None:
    _rows(sender, 60, live=60)
    first = page.get("/alerts/").context
    assert _poll(page, first).context["new"] == 0
    older = page.get(f"/alerts/?{first['next']}").context
    newest = Alert.objects.order_by("-pk")[0]
    for number in range(queries.MOST_NEW + 5):
        newest.pk, newest.dedup_key = uuid7(), f"late-{number}"
        newest.save(force_insert=True)
    polled = _poll(page, first)
    assert "More than 99 new alerts" in polled.content.decode()
    assert polled.context["next"] == first["next"]
    assert _poll(page, older).context["new"] == 0
    assert len(_poll(page, older).context["rows"]) == 10


def test_what_a_poll_says_it_shows_is_not_believed(page: Client, sender: Integration) -> None:
    far = Integration.objects.create(
        workspace=make.workspace("elsewhere"), name="far", kind="generic"
    )
    _rows(far, 1, live=1)
    hidden = Alert.objects.get().pk.hex
    assert "alert 0" not in _text(page, f"/alerts/rows/?shown={hidden}")
    assert page.get("/alerts/rows/?shown=zz&more=yes").status_code == 200
    assert page.get(f"/alerts/rows/?shown={'0' * 31}x{hidden}").status_code == 200


def test_the_page_of_an_alert_is_polled(
    page: Client, story: Incident, queries_of: Count, responder: User
) -> None:
    alert = make.alert(story, title="Disk full")
    text = _text(page, f"/alerts/{alert.pk}/")
    path = f"/alerts/{alert.pk}/live/"
    assert f'hx-get="{path}"' in text
    assert "Disk full is firing" in text
    tag = page.get(path).headers["HX-PTag"]
    assert f'hx-ptag="{tag}"' in text
    assert page.get(path, headers={"HX-PTag": tag}).status_code == 304
    Alert.objects.filter(pk=alert.pk).update(status=AlertStatus.RESOLVED, ends_at=clock.now())
    changed = page.get(path, headers={"HX-PTag": tag})
    assert "Disk full is resolved" in changed.content.decode()
    tag = changed.headers["HX-PTag"]
    means = GroupingDecision.Means
    GroupingDecision.objects.create(alert=alert, means=means.PERSON, reason="moved away")
    assert "moved away" in page.get(path, headers={"HX-PTag": tag}).content.decode()
    assert queries_of(path) <= BUDGET


def test_an_alert_shows_its_reason_and_links_only_to_the_web(page: Client, story: Incident) -> None:
    alert = make.alert(story, url="javascript:alert(1)", severity_reason="its sender said “p1”")
    text = _text(page, f"/alerts/{alert.pk}/")
    assert "its sender said “p1”" in text
    assert "javascript:" not in text
    Alert.objects.filter(pk=alert.pk).update(url="https://example.org/a")
    assert 'href="https://example.org/a"' in _text(page, f"/alerts/{alert.pk}/")


def test_labels_are_text(page: Client, story: Incident) -> None:
    alert = make.alert(story, labels={"<b>x</b>": "<script>1</script>"})
    text = _text(page, f"/alerts/{alert.pk}/")
    assert "<script>1" not in text
    assert "&lt;script&gt;1" in text


# Silences


def _form(workspace: Workspace, **changed: str) -> dict[str, str]:
    now = clock.now()
    return {
        "reason": "Switch of the disks",
        "kind": "maintenance",
        "matchers": "region = eu-1",
        "starts_at": f"{now:%Y-%m-%dT%H:%M}",
        "ends_at": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "replays": "on",
        "workspace": str(workspace.pk),
        **changed,
    }


def test_the_form_is_filled_in_from_alerts(page: Client, story: Incident) -> None:
    one = make.alert(story, labels={"region": "eu-1", "host": "a", "severity": "high"})
    two = make.alert(story, labels={"region": "eu-1", "host": "b", "severity": "high"})
    text = _text(page, f"/silences/new/?alert={one.pk}&alert={two.pk}")
    assert "region = eu-1" in text
    assert "host = " not in text
    assert "severity = " not in text


def test_labels_that_are_no_matcher_are_left_out_of_the_form(page: Client, story: Incident) -> None:
    odd = {"two": "a\nservice = search", "": "x", "long": "y" * 600, "pad": " z ", "fine": "1"}
    alert = make.alert(story, labels=odd)
    answer = page.get(f"/silences/new/?alert={alert.pk}")
    assert answer.context["form"].initial["matchers"] == 'fine = 1\npad = " z "'


def test_alerts_that_share_nothing_are_said_to(page: Client, story: Incident) -> None:
    one = make.alert(story, labels={"region": "eu-1"})
    two = make.alert(story, labels={"region": "us-1"})
    Alert.objects.update(service=None)
    text = _text(page, f"/silences/new/?alert={one.pk}&alert={two.pk}")
    assert "share neither a label nor a service" in text


def test_the_form_is_filled_in_from_a_service(page: Client) -> None:
    service = make.service("payments")
    assert f'value="{service.pk}" selected' in _text(page, f"/silences/new/?service={service.pk}")
    assert page.get(f"/silences/new/?service={uuid7()}").status_code == 404


def test_it_can_be_tried_before_it_is_begun(
    page: Client, story: Incident, workspace: Workspace
) -> None:
    make.alert(story, labels={"region": "eu-1"})
    text = page.post("/silences/new/", _form(workspace, **{"try": "1"})).content.decode()
    assert "<b>1</b> live alert" in text
    assert not Silence.objects.exists()


def test_beginning_and_ending_one(page: Client, workspace: Workspace, responder: User) -> None:
    answer = page.post("/silences/new/", _form(workspace), follow=True)
    made = Silence.objects.get()
    assert made.matchers == [{"label": "region", "op": "=", "value": "eu-1"}]
    assert (made.kind, made.created_by, made.replays) == ("maintenance", responder, True)
    assert "End it now" in answer.content.decode()
    assert "Active" in _text(page, "/silences/")
    page.post(f"/silences/{made.pk}/end/")
    made.refresh_from_db()
    assert made.ends_at <= clock.now()
    assert page.post(f"/silences/{made.pk}/end/").status_code == 409


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"matchers": "host =~ (a+)+"}, "not understood here"),
        ({"matchers": ""}, "silence everything"),
        ({"ends_at": "2020-01-01T00:00"}, "end after it begins"),
        ({"ends_at": "soon"}, "valid date"),
        ({"reason": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_at_the_form(
    page: Client, workspace: Workspace, changed: dict[str, str], why: str
) -> None:
    answer = page.post("/silences/new/", _form(workspace, **changed))
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not Silence.objects.exists()


def test_a_service_of_another_workspace_is_refused(
    page: Client, workspace: Workspace, responder: User
) -> None:
    far = make.service("far", place=make.workspace("elsewhere"))
    answer = page.post("/silences/new/", _form(workspace, service=str(far.pk)))
    assert answer.status_code == 422
    assert not Silence.objects.exists()


def test_one_that_cannot_be_read_says_so(page: Client) -> None:
    silence = make.silence(matchers=[{"label": "region", "op": "~", "value": "eu-1"}])
    assert "keeps nothing quiet" in _text(page, f"/silences/{silence.pk}/")
    assert "keeps nothing quiet" in _text(page, "/silences/")


def test_its_page_lists_what_it_swallowed(page: Client, story: Incident) -> None:
    silence = make.silence()
    alert = make.alert(story, title="Kept quiet")
    Alert.objects.filter(pk=alert.pk).update(silenced_by=silence, incident=None)
    assert "Kept quiet" in _text(page, f"/silences/{silence.pk}/")
    assert "Kept quiet" in _text(page, "/alerts/?view=silenced")
