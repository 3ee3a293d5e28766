"""Money is reserved before a call and reconciled after it, by whichever worker."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from airra.lib import clock
from analysis.commands.model_budget import MICRO, Spend
from analysis.models import Investigation, ModelSpend
from analysis.reasoning.gate import BudgetExhausted
from analysis.types import Estimate, Tokens
from tests.factories import incidents as make
from tests.integration.analysis.file_database import on_file

CALL = Estimate(input_tokens=1000, output_tokens=100, cost_usd=0.3)
USED = Tokens(input=900, output=50)


def investigation() -> Investigation:
    return Investigation.objects.create(incident=make.incident(), started_at=clock.now())


def spent(scope: str) -> ModelSpend:
    return ModelSpend.objects.get(scope=scope)


@pytest.mark.django_db
def test_a_reservation_becomes_what_was_used() -> None:
    budget = Spend(investigation())
    budget.reconcile(budget.reserve(CALL), USED, 0.1, is_turn=True)
    for scope in ("investigation", "day"):
        row = spent(scope)
        assert (row.used_microusd, row.reserved_microusd) == (100_000, 0)
        assert (row.tokens, row.reserved_tokens, row.turns, row.open_turns) == (950, 0, 1, 0)


@pytest.mark.django_db
def test_an_open_reservation_counts_as_spent(settings: Settings) -> None:
    settings.MODEL_BUDGET_USD = 0.5
    made = investigation()
    Spend(made).reserve(CALL)
    with pytest.raises(BudgetExhausted, match=r"\$0.5 of this investigation"):
        Spend(made).reserve(CALL)
    assert spent("investigation").refused == 1


@pytest.mark.django_db
def test_the_day_bounds_all_investigations_and_gives_the_rest_back(
    settings: Settings,
) -> None:
    settings.MODEL_DAY_BUDGET_USD = 0.5
    Spend(investigation()).reserve(CALL)
    second = investigation()
    with pytest.raises(BudgetExhausted, match="today"):
        Spend(second).reserve(CALL)
    row = ModelSpend.objects.get(key=str(second.pk))
    assert (row.reserved_microusd, row.open_turns) == (0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "ceiling", "word"),
    [("MODEL_MAX_TURNS", 1, "1 turns"), ("MODEL_MAX_TOKENS", 2000, "2000 tokens")],
)
def test_turns_and_tokens_end(settings: Settings, name: str, ceiling: int, word: str) -> None:
    setattr(settings, name, ceiling)
    budget = Spend(investigation())
    budget.reserve(CALL)
    with pytest.raises(BudgetExhausted, match=word):
        budget.reserve(CALL)


@pytest.mark.django_db
def test_time_ends() -> None:
    with clock.frozen(clock.now()) as hands:
        budget = Spend(investigation())
        hands.advance(seconds=481)
        with pytest.raises(BudgetExhausted, match="480 s"):
            budget.reserve(CALL)


@pytest.mark.django_db(transaction=True)
def test_parallel_workers_pass_the_ceiling_by_no_more_than_one_call(
    settings: Settings, tmp_path: Path
) -> None:
    """Six workers; each call costs a third more than was reserved for it."""
    settings.MODEL_BUDGET_USD = 1.0
    estimate, cost = Estimate(10, 10, 0.09), 0.12

    def work(_: int) -> int:
        sent = 0
        try:
            budget = Spend(made)
            while sent < 20:
                ticket = budget.reserve(estimate)
                sent += 1
                budget.reconcile(ticket, USED, cost, is_turn=True)
        except BudgetExhausted:
            return sent
        finally:
            connections.close_all()
        return sent

    with on_file(tmp_path):
        made = investigation()
        with ThreadPoolExecutor(6) as pool:
            sent = sum(pool.map(work, range(6)))
        row = spent("investigation")
    assert row.reserved_microusd == 0
    assert row.used_microusd == round(sent * cost * MICRO)
    assert row.used_microusd <= 1.0 * MICRO + round(cost * MICRO)
    assert sent >= 7
