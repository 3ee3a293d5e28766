"""What the list says of the cause: the newest finished investigation, and nothing older."""

from datetime import timedelta

import pytest

from airra.lib import clock
from analysis.models import Investigation, SharedInvestigation
from analysis.queries.hypotheses import top_causes
from tests.factories import analysis
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db


def test_the_best_standing_hypothesis_is_named() -> None:
    about = make.incident(about=make.service("payments"))
    analysis.settled(about)
    assert top_causes([about.pk])[about.pk].statement == "payments leaks memory until it swaps"


def test_abstaining_is_an_answer_even_without_a_hypothesis() -> None:
    about = make.incident()
    analysis.investigation(about, outcome="inconclusive")
    assert top_causes([about.pk])[about.pk].abstained


def test_a_newer_answer_ends_the_older_one_but_a_running_one_does_not() -> None:
    about = make.incident()
    first = analysis.investigation(about, created_at=clock.now() - timedelta(hours=1))
    analysis.hypothesis(first)
    analysis.investigation(about, state=Investigation.State.RUNNING, outcome="", finished_at=None)
    assert about.pk in top_causes([about.pk])
    Investigation.objects.filter(state="running").update(
        state="settled", outcome="inconclusive", finished_at=clock.now()
    )
    assert top_causes([about.pk])[about.pk].abstained


def test_a_cancelled_look_takes_no_answer_away() -> None:
    about = make.incident(about=make.service("payments"))
    analysis.settled(about, created_at=clock.now() - timedelta(hours=1))
    analysis.investigation(about, state=Investigation.State.CANCELLED, outcome="")
    assert top_causes([about.pk])[about.pk].statement == "payments leaks memory until it swaps"


def test_what_was_found_for_the_group_is_the_cause_of_each() -> None:
    leader, follower = make.incident(about=make.service("payments")), make.incident()
    run = analysis.settled(leader)
    SharedInvestigation.objects.create(investigation=run, incident=follower, reason="near")
    assert top_causes([follower.pk]) == {follower.pk: top_causes([leader.pk])[leader.pk]}
