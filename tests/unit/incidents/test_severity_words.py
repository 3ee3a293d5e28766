"""Words of senders on one scale of severity."""

import pytest

from incidents.ingest.severity import severity_of
from incidents.lifecycle import Severity


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
