"""The words senders use for severity, on one scale."""

from incidents.lifecycle import Severity

_WORDS: dict[Severity, tuple[str, ...]] = {
    Severity.CRITICAL: ("critical", "fatal", "p1"),
    Severity.HIGH: ("high", "error", "p2"),
    Severity.MEDIUM: ("medium", "warning", "warn", "p3"),
    Severity.LOW: ("low", "p4"),
    Severity.INFO: ("info", "debug", "p5"),
}
_SCALE = {word: severity for severity, words in _WORDS.items() for word in words}


def severity_of(word: str) -> tuple[Severity, bool]:
    """The severity a word means, and whether it is known; an unknown one counts as medium."""
    found = _SCALE.get(word.strip().lower())
    return (found, True) if found else (Severity.MEDIUM, False)
