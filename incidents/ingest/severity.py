"""The words and numbers senders use for severity, on one scale."""

from incidents.lifecycle import Severity

_WORDS: dict[Severity, tuple[str, ...]] = {
    Severity.CRITICAL: ("critical", "fatal", "p1"),
    Severity.HIGH: ("high", "error", "p2"),
    Severity.MEDIUM: ("medium", "warning", "warn", "p3"),
    Severity.LOW: ("low", "p4"),
    Severity.INFO: ("info", "debug", "p5"),
}
_SCALE = {word: severity for severity, words in _WORDS.items() for word in words}
WORDS = frozenset(_SCALE)

_OTEL_MOST = 24
_OTEL_FROM = (  # https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
    (21, Severity.CRITICAL),
    (17, Severity.HIGH),
    (13, Severity.MEDIUM),
    (1, Severity.INFO),
)


def severity_of(word: str) -> tuple[Severity, bool]:
    """The severity a word means, and whether it is known; an unknown one counts as medium."""
    found = _SCALE.get(word.strip().lower())
    return (found, True) if found else (Severity.MEDIUM, False)


def severity_of_number(number: int) -> Severity | None:
    """The severity of OpenTelemetry's scale from 1 (trace) to 24 (fatal); None beyond it."""
    if not 1 <= number <= _OTEL_MOST:
        return None
    return next(severity for least, severity in _OTEL_FROM if number >= least)


def words_of(severity: Severity) -> tuple[str, ...]:
    """The words that mean it, for people who look them up."""
    return _WORDS[severity]
