"""Calls between services: several sources, ages, and what people add or hide."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from incidents.commands import service as commands
from incidents.models import AuditEvent, Service, ServiceDependency, Workspace
from incidents.permissions import NotPermitted, Role
from incidents.queries.edges import edges_of, fresh_edges
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(workspace: Workspace) -> tuple[Service, Service]:
    return make.service("checkout"), make.service("payments")


@pytest.fixture
def admin(workspace: Workspace) -> User:
    return make.person(Role.ADMIN, username="ana")


def pairs(workspace: Workspace) -> list[tuple[str, str]]:
    return [(edge.caller, edge.callee) for edge in fresh_edges(workspace)]


def seen(shop: tuple[Service, Service], source: str, *, hours_ago: float = 0) -> ServiceDependency:
    at = clock.now() - timedelta(hours=hours_ago)
    return commands.link(caller=shop[0], callee=shop[1], source=source, seen_at=at)


def test_each_source_keeps_its_own_age(shop: tuple[Service, Service], workspace: Workspace) -> None:
    seen(shop, "traces", hours_ago=5)
    seen(shop, "metrics", hours_ago=1)
    seen(shop, "traces", hours_ago=3)
    (row,) = edges_of(shop[1]).shown
    ages = {
        s.source: round((clock.now() - s.last_seen_at) / timedelta(hours=1)) for s in row.sightings
    }
    assert ages == {"Client metrics": 1, "Traces": 3}
    (edge,) = fresh_edges(workspace)
    assert (edge.source, round(edge.age_s / 3600)) == ("metrics", 1)


def test_an_older_sighting_makes_nothing_older(shop: tuple[Service, Service]) -> None:
    seen(shop, "traces", hours_ago=1)
    edge = seen(shop, "traces", hours_ago=9)
    edge.refresh_from_db()
    assert edge.last_seen_at > clock.now() - timedelta(hours=2)
    assert edge.sightings.get().last_seen_at > clock.now() - timedelta(hours=2)


def test_a_stale_edge_is_shown_but_not_relied_on(
    shop: tuple[Service, Service], workspace: Workspace
) -> None:
    seen(shop, "traces", hours_ago=25)
    assert pairs(workspace) == []
    (row,) = edges_of(shop[0]).shown
    assert row.is_stale
    seen(shop, "traces")
    assert pairs(workspace) == [("checkout", "payments")]


def test_a_hidden_edge_stays_hidden_and_says_who_and_why(
    shop: tuple[Service, Service], workspace: Workspace, admin: User
) -> None:
    edge = seen(shop, "traces")
    commands.hide(edge=edge, reason="a health check", by=admin)
    seen(shop, "traces")
    assert pairs(workspace) == []
    (row,) = edges_of(shop[0]).hidden
    assert (row.edge.hidden_by, row.edge.hidden_reason) == ("ana", "a health check")
    told = AuditEvent.objects.get(kind="dependency.hidden")
    assert (told.actor, told.reason, told.workspace_id) == ("ana", "a health check", workspace.pk)
    commands.show(edge=edge, by=admin)
    assert pairs(workspace) == [("checkout", "payments")]


def test_what_people_add_does_not_grow_old_until_they_take_it_back(
    shop: tuple[Service, Service], workspace: Workspace, admin: User
) -> None:
    edge = commands.say(caller=shop[0], callee=shop[1], reason="nightly batch", by=admin)
    long_ago = clock.now() - timedelta(days=90)
    ServiceDependency.objects.update(last_seen_at=long_ago)
    assert commands.prune_edges() == 0
    assert pairs(workspace) == [("checkout", "payments")]
    commands.unsay(edge=edge, by=admin)
    assert not ServiceDependency.objects.exists()
    kinds = AuditEvent.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["dependency.said", "dependency.unsaid"]


def test_taking_back_leaves_what_a_source_shows(
    shop: tuple[Service, Service], workspace: Workspace, admin: User
) -> None:
    edge = commands.say(caller=shop[0], callee=shop[1], reason="I know", by=admin)
    seen(shop, "traces")
    commands.unsay(edge=edge, by=admin)
    assert pairs(workspace) == [("checkout", "payments")]


def test_saying_it_shows_a_hidden_edge_again(
    shop: tuple[Service, Service], workspace: Workspace, admin: User
) -> None:
    commands.hide(edge=seen(shop, "traces"), reason="wrong", by=admin)
    commands.say(caller=shop[0], callee=shop[1], reason="right after all", by=admin)
    assert pairs(workspace) == [("checkout", "payments")]
    assert edges_of(shop[0]).hidden == []


def test_what_no_source_shows_for_long_is_forgotten(
    shop: tuple[Service, Service], admin: User
) -> None:
    seen(shop, "traces", hours_ago=31 * 24)
    other = make.service("search")
    kept = commands.link(caller=shop[0], callee=other, source="traces")
    commands.prune_edges()
    assert [edge.pk for edge in ServiceDependency.objects.all()] == [kept.pk]


def test_a_hidden_edge_is_not_forgotten(shop: tuple[Service, Service], admin: User) -> None:
    commands.hide(edge=seen(shop, "traces", hours_ago=31 * 24), reason="wrong", by=admin)
    commands.prune_edges()
    assert ServiceDependency.objects.get().hidden_by == "ana"


def test_only_who_administers_may(shop: tuple[Service, Service]) -> None:
    ben = make.person(Role.APPROVER, username="ben")
    edge = seen(shop, "traces")
    with pytest.raises(NotPermitted):
        commands.hide(edge=edge, reason="x", by=ben)
    with pytest.raises(NotPermitted):
        commands.say(caller=shop[0], callee=shop[1], reason="x", by=ben)
    edge.refresh_from_db()
    assert edge.hidden_at is None
    assert edge.said_at is None


def test_an_edge_needs_two_services_of_one_workspace(
    shop: tuple[Service, Service], admin: User
) -> None:
    with pytest.raises(commands.NotAnEdge, match="itself"):
        commands.say(caller=shop[0], callee=shop[0], reason="x", by=admin)
    elsewhere = make.service("payments", place=make.workspace("elsewhere"))
    with pytest.raises(commands.NotAnEdge, match="different workspaces"):
        commands.say(caller=shop[0], callee=elsewhere, reason="x", by=admin)
