"""Change events: any pipeline's, and GitHub's deployments."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.ingest.alerts import Batch, Malformed, NewChange
from incidents.ingest.reading import identity, read
from tests.fakes.payloads import github, own
from tests.fakes.payloads.sent import NOW, Sent

AT = datetime(2026, 3, 1, 11, 50, tzinfo=UTC)


def batch(kind: str, sent: Sent) -> Batch:
    return read(kind, sent.message(), mapping=None)


def the_change(sent: Sent, kind: str = "changes") -> NewChange:
    (found,) = batch(kind, sent).changes
    return found


def refused(body: object, kind: str = "changes") -> str:
    with pytest.raises(Malformed) as caught:
        batch(kind, body if isinstance(body, Sent) else Sent(body))
    return caught.value.field


def test_a_change_is_read_with_all_it_says() -> None:
    assert the_change(Sent(own.change())) == NewChange(
        dedup_key="deploy-42",
        at=AT,
        kind="deploy",
        service="payments",
        title="payments 2.1",
        actor="ana",
        before="2.0",
        after="2.1",
        revision="a1b2c3",
        url="https://ci.example/42",
    )


def test_one_body_may_hold_many() -> None:
    found = batch("changes", Sent({"changes": [own.change(), own.change(id=7, to=2.2)]})).changes
    assert [change.dedup_key for change in found] == ["deploy-42", "7"]
    assert found[1].after == "2.2"


def test_an_empty_list_holds_nothing() -> None:
    assert batch("changes", Sent({"changes": []})).note


def test_without_a_time_it_happened_on_arrival() -> None:
    assert the_change(Sent(own.change(at=...))).at == NOW
    assert the_change(Sent(own.change(at=1772365800))).at == AT


def test_a_clock_that_is_ahead_puts_no_change_where_nobody_looks() -> None:
    assert the_change(Sent(own.change(at="2030-01-01T00:00:00Z"))).at == NOW


@pytest.mark.parametrize(
    ("kind", "read_as"), [("FLAG", "flag"), ("party", "other"), (..., "other")]
)
def test_a_kind_nobody_knows_is_other(kind: object, read_as: str) -> None:
    assert the_change(Sent(own.change(kind=kind))).kind == read_as


def test_a_change_without_a_title_says_what_it_is_of() -> None:
    assert the_change(Sent(own.change(title=...))).title == "a change of payments"


def test_long_texts_are_cut_and_a_long_id_stays_its_own() -> None:
    names = ("title", "actor", "from", "to", "revision", "service")
    found = the_change(Sent(own.change(**dict.fromkeys(names, "x" * 5000))))
    lengths = [len(text) for text in (found.title, found.actor, found.before, found.after)]
    assert lengths == [200, 120, 300, 300]
    assert (len(found.revision), len(found.service)) == (120, 120)
    one, two = (the_change(Sent(own.change(id="k" * 300 + end))).dedup_key for end in "ab")
    assert one != two
    assert len(one) <= 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "the body"),
        ({}, "id"),
        (own.change(id=...), "id"),
        (own.change(id={}), "id"),
        (own.change(service=""), "service"),
        (own.change(service=7), "service"),
        (own.change(at="noon"), "at"),
        (own.change(title=[]), "title"),
        ({"changes": {}}, "changes"),
        ({"changes": [own.change(), 7]}, "changes[1]"),
        ({"changes": [own.change(), own.change(id=...)]}, "changes[1].id"),
        ({"changes": [{}] * 1001}, "changes"),
    ],
)
def test_what_is_wrong_is_named(body: object, field: str) -> None:
    assert refused(body) == field


def test_a_deployment_is_a_change_of_its_repository() -> None:
    found = the_change(github.deployment(), "github")
    assert (found.kind, found.service, found.actor) == ("deploy", "payments", "octocat")
    assert (found.at, found.after) == (AT, "production")
    assert found.revision == "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
    assert found.title == "deploy v2.1 to production"
    assert found.url == "https://github.example/shop/payments"


@pytest.mark.parametrize("state", ["in_progress", "success", "failure", "error"])
def test_all_events_of_a_deployment_are_one_change(state: str) -> None:
    found = the_change(github.status(state), "github")
    assert found.dedup_key == the_change(github.deployment(), "github").dedup_key
    assert found.title == f"deploy v2.1 to production: {state}"
    assert found.at == datetime(2026, 3, 1, 11, 55, tzinfo=UTC)
    assert found.url == "https://ci.example/runs/7"


@pytest.mark.parametrize("state", ["queued", "pending", "waiting", "inactive"])
def test_a_deployment_that_waits_has_changed_nothing(state: str) -> None:
    found = batch("github", github.status(state))
    assert (found.changes, state in found.note) == ((), True)


def test_who_deployed_comes_before_who_sent() -> None:
    sent = github.deployment(creator={"login": "ana"})
    assert the_change(sent, "github").actor == "ana"
    assert the_change(sent.but(("deployment", "creator"), None), "github").actor == "octocat"


def test_a_ping_says_that_it_works() -> None:
    assert "ping" in batch("github", github.ping()).note


@pytest.mark.parametrize("event", ["push", "star", "workflow_run"])
def test_other_events_are_a_note(event: str) -> None:
    found = batch("github", github.hook(event, {"ref": "refs/heads/main"}))
    assert (found.changes, event in found.note) == ((), True)


@pytest.mark.parametrize("sent", [github.deployment(), github.status(), github.ping()])
def test_an_event_whose_header_was_lost_is_known_by_its_content(sent: Sent) -> None:
    assert batch("github", replace(sent, headers={})) == batch("github", sent)


def test_a_task_that_is_no_deploy_is_another_kind_of_change() -> None:
    assert the_change(github.deployment(task="lint"), "github").kind == "other"
    assert the_change(github.deployment(task="deploy:migrations"), "github").kind == "deploy"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("deployment",), "deployment"),
        (("deployment", "id"), "deployment.id"),
        (("repository",), "repository"),
        (("repository", "name"), "repository.name"),
        (("deployment_status", "state"), "deployment_status.state"),
    ],
)
def test_what_a_deployment_needs_is_named(path: tuple[Any, ...], field: str) -> None:
    assert refused(github.status().but(path, ...), "github") == field


def test_a_redelivered_event_keeps_its_guid() -> None:
    told = identity("github", github.status().message())
    assert told == identity("github", github.status(description="x").message())
    assert told != identity("github", github.status("failure").message())
    assert identity("github", replace(github.status(), headers={}).message()) == ""
