"""Clues from logs that carry no trace: sites that appear, and sites that fall silent."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from analysis.reasoning.rootcause import log_novelty
from analysis.reasoning.rootcause.log_sites import level_of, site_of, subject_finder
from analysis.types import Case, CaseLog, Clue
from tests.unit.rootcause.traffic import BEFORE, DURING

Line = tuple[str, str]  # level, message


def told(lines: Callable[[int, bool], list[Line]], service: str = "pay") -> list[CaseLog]:
    """What a service logs: `lines(i, is_during)` a little apart, for each request."""
    found = []
    for i, at in enumerate([*BEFORE, *DURING]):
        for n, (level, message) in enumerate(lines(i, at >= 0)):
            found.append(CaseLog(at + n / 100, service, level, message))
    return found


def case(*logs: CaseLog) -> Case:
    return Case(id="made-up", candidates=("pay", "bank"), window=(0.0, 270.0), logs=logs)


def usual(i: int) -> list[Line]:
    return [("INFO", f"taking {i} from account {i * 7}"), ("INFO", f"took {i}")]


def only(found: list[Clue]) -> Clue:
    assert len(found) == 1
    return found[0]


def test_an_error_that_is_new_is_named_with_its_shares() -> None:
    def lines(i: int, is_during: bool) -> list[Line]:
        return usual(i) + ([("ERROR", f"no account {i}")] if is_during else [])

    clue = only(log_novelty.clues(case(*told(lines))))
    assert (clue.component, clue.before, clue.during) == ("pay", 0.0, 1.0)
    assert "newly logs ERROR no account <n>" in clue.detail


def test_a_site_that_always_followed_another_and_fell_silent() -> None:
    def lines(i: int, is_during: bool) -> list[Line]:
        if i % 3:  # other requests of the service, which never reach either site
            return [("INFO", f"listing page {i}")]
        return usual(i)[: 1 if is_during else 2]

    clue = only(log_novelty.clues(case(*told(lines), *told(lines))))
    assert "no longer logs INFO took <n>" in clue.detail


def test_numbers_ids_and_quotes_make_no_new_site() -> None:
    def lines(i: int, is_during: bool) -> list[Line]:
        return [("ERROR", f"user '{'b' if is_during else 'a'}{i}' has {i + is_during * 500} items")]

    assert log_novelty.clues(case(*told(lines))) == []


def test_an_error_that_is_heard_no_more_is_no_clue() -> None:
    def lines(i: int, is_during: bool) -> list[Line]:
        return usual(i) if is_during else [*usual(i), ("ERROR", "no account")]

    assert log_novelty.clues(case(*told(lines))) == []


def test_a_complaint_about_another_service_counts_less() -> None:
    def own(i: int, is_during: bool) -> list[Line]:
        return usual(i) + ([("ERROR", "cannot book")] if is_during else [])

    def about_bank(i: int, is_during: bool) -> list[Line]:
        return usual(i) + ([("ERROR", "cannot reach http://bank:80/book")] if is_during else [])

    mine = only(log_novelty.clues(case(*told(own))))
    theirs = only(log_novelty.clues(case(*told(about_bank))))
    assert theirs.value < mine.value


@pytest.mark.parametrize("kept", [lambda at: at >= 0, lambda at: at < 0, lambda at: False])
def test_one_side_alone_says_nothing(kept: Callable[[float], bool]) -> None:
    def lines(i: int, is_during: bool) -> list[Line]:
        return usual(i) + ([("ERROR", "no account")] if is_during else [])

    logs = [entry for entry in told(lines) if kept(entry.at)]
    assert log_novelty.clues(case(*logs)) == []
    assert log_novelty.clues(replace(case(*told(lines)), window=None)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("p.Pay#31 taking 17", "p.Pay#31 refused 'x'"),
        (
            '{"log":"16:50:54.123 INFO  u.c.User#42 [get]"',
            '{"log":"17:00:00.000 INFO  u.c.User#42 x"',
        ),
        ("took 17 in 3.5ms", "took 4 in 12.25ms"),
        (
            "order 4d2a46c7-71cb-4cf1-b5bb-b68406d9da6f paid",
            "order 00000000-71cb-4cf1-b5bb-b68406d9da6f paid",
        ),
        ("user=ann amount=3", "user=bob amount=99"),
    ],
)
def test_one_line_of_code_is_one_site(one: str, other: str) -> None:
    assert site_of(one) == site_of(other)


def test_different_lines_of_code_are_different_sites() -> None:
    assert site_of("p.Pay#31 taking 17") != site_of("p.Pay#32 taking 17")
    assert site_of("cart is empty") != site_of("cart is full")


def test_the_level_is_read_from_the_field_before_the_message() -> None:
    def level(field: str, message: str) -> str:
        return level_of(CaseLog(0.0, "pay", field, message))

    assert level("info", "error code 0") == "INFO"
    assert level("SEVERE", "x") == "ERROR"
    assert level("", "2026-01-01 ERROR cannot pay") == "ERROR"
    assert level("", "all is well") == "INFO"


def test_a_subject_is_another_component_named_as_a_whole_word() -> None:
    subject = subject_finder(["pay", "pay-gateway", "bank"])
    assert subject("cannot reach pay-gateway:80", "bank") == "pay-gateway"
    assert subject("cannot reach bankers or repay", "pay") == ""
    assert subject("pay failed to reach bank", "pay") == "bank"
    assert subject("anything", "pay") == ""
