"""Severity: the sender's word, then what hangs on the service."""

import pytest

from incidents.ingest.weight import MANY_DEPENDANTS, Standing, settle
from incidents.lifecycle import SEVERITY_ORDER, Severity

MANY, FEW = MANY_DEPENDANTS, MANY_DEPENDANTS - 1


@pytest.mark.parametrize(
    ("tier", "dependants", "expected"),
    [
        (1, MANY, Severity.CRITICAL),
        (1, FEW, Severity.HIGH),
        (2, MANY, Severity.HIGH),
        (2, FEW, Severity.MEDIUM),
        (3, MANY, Severity.MEDIUM),
        (3, 0, Severity.LOW),
    ],
)
def test_a_word_not_understood_leaves_it_to_the_service(
    tier: int, dependants: int, expected: Severity
) -> None:
    standing = Standing("payments", tier, dependants)
    found, why = settle(Severity.MEDIUM, word="page", is_mapped=False, standing=standing)
    assert found == expected
    assert "“page” is not known" in why
    assert str(standing) in why


def test_nothing_said_of_nothing_known_is_medium() -> None:
    found, why = settle(Severity.MEDIUM, word="", is_mapped=False, standing=None)
    assert found == Severity.MEDIUM
    assert why == "no severity was said, and no service is named: taken as medium"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Severity.CRITICAL, Severity.CRITICAL),
        (Severity.HIGH, Severity.CRITICAL),
        (Severity.MEDIUM, Severity.HIGH),
        (Severity.LOW, Severity.MEDIUM),
        (Severity.INFO, Severity.INFO),
    ],
)
def test_a_word_that_is_understood_is_raised_one_step_at_most(
    said: Severity, expected: Severity
) -> None:
    standing = Standing("payments", 1, 500)
    found, why = settle(said, word="p", is_mapped=True, standing=standing)
    assert found == expected
    assert ("raised from" in why) is (found != said)


@pytest.mark.parametrize("said", list(Severity))
@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize("dependants", [0, FEW, MANY, 1000])
def test_a_word_that_is_understood_is_never_lowered(
    said: Severity, tier: int, dependants: int
) -> None:
    standing = Standing("payments", tier, dependants)
    found, _ = settle(said, word="", is_mapped=True, standing=standing)
    assert SEVERITY_ORDER[found] <= SEVERITY_ORDER[said]
    if tier != 1 or dependants < MANY:
        assert found == said
