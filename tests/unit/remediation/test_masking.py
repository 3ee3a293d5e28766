"""The third deed in a row for the same trouble is named for what it is, and nothing else is."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.masking import Deed, masks, sizes

NOW = 100_000.0


def deed(minutes_ago: float, action: str = "restart", mechanism: str = "leak") -> Deed:
    return Deed(action, mechanism, NOW - 60 * minutes_ago)


def raised(minutes_ago: float, before: float, after: float, name: str = "replicas") -> Deed:
    return Deed("scale", "saturation", NOW - 60 * minutes_ago, {name: (before, after)})


def test_the_third_restart_is_named_and_told_what_to_do_instead() -> None:
    told = masks(deed(0), [deed(40), deed(18)])
    assert told == "restarting only hides it: third time in 40 minutes; find the leak"


def test_limits_that_only_grow_are_named() -> None:
    told = masks(raised(0, 4, 6), [raised(200, 2, 3), raised(60, 3, 4)])
    assert told == (
        "ever more only hides it: replicas 2 → 3 → 4 → 6, third time in 3 hours; "
        "find what uses it up"
    )


@pytest.mark.parametrize(
    ("past", "why"),
    [
        ([deed(40)], "a second time is not a habit"),
        ([deed(40), deed(30, action="rollback"), deed(18)], "something else was tried between"),
        ([deed(40), deed(18, mechanism="saturation")], "another cause"),
        ([deed(60 * 30), deed(18)], "the first was two days ago"),
        ([raised(40, 2, 3), raised(18, 3, 4)], "another kind of deed"),
    ],
)
def test_what_is_no_third_in_a_row(past: Sequence[Deed], why: str) -> None:
    assert masks(deed(0), past) == "", why


def test_going_down_between_ends_the_row() -> None:
    past = [raised(60, 2, 3), raised(40, 3, 4), raised(20, 4, 2)]
    assert masks(raised(0, 2, 4), past) == ""
    assert masks(raised(0, 4, 2), [raised(60, 2, 3), raised(40, 3, 4)]) == ""


def test_another_limit_is_another_row() -> None:
    past = [raised(60, 2, 3), raised(40, 512, 1024, "limits.memory")]
    assert masks(raised(0, 3, 4), past) == ""


def test_a_cause_that_nobody_named_may_be_the_same() -> None:
    assert masks(deed(0), [deed(40, mechanism=""), deed(18)])


def test_sizes_are_read_from_a_dry_run() -> None:
    before = {"replicas": 2, "revision": 4, "resources": {"limits": {"memory": "512Mi"}}, "on": 1}
    after = {"replicas": 4, "revision": 5, "resources": {"limits": {"memory": "1Gi"}}, "on": 2}
    found = sizes(before, after)
    assert found == {
        "replicas": (2.0, 4.0),
        "resources.limits.memory": (512 * 1024.0**2, 1024.0**3),
    }


def test_what_is_no_number_has_no_size() -> None:
    assert sizes({"memory": "much", "replicas": True}, {"memory": "more", "replicas": False}) == {}


_deeds = st.lists(
    st.builds(
        Deed,
        st.sampled_from(["restart", "rollback"]),
        st.sampled_from(["leak", "saturation", ""]),
        st.floats(NOW - 90_000, NOW),
    ),
    max_size=6,
)


@given(_deeds)
def test_the_order_of_the_history_is_nothing(past: list[Deed]) -> None:
    proposed = deed(0)
    assert masks(proposed, past) == masks(proposed, past[::-1])


@given(_deeds)
def test_one_more_of_the_same_never_unmasks(past: list[Deed]) -> None:
    proposed = deed(0)
    if masks(proposed, past):
        assert masks(proposed, [*past, Deed("restart", "leak", NOW)])
