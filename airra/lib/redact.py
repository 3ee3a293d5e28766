"""Secrets in text are destroyed before anything leaves: whole blocks, never only their headers.

Patterns name their kind, so that a reader sees what stood there. The gate on the wire looks for the
same patterns once more (`analysis/reasoning/gate.py`); a hit there stops the call.
"""

import re

_AFTER_NAME = r"(?i)(?:(?<=password)|(?<=passwd)|(?<=secret)|(?<=api_key)|(?<=apikey)|(?<=token))"
_BLOCK_END = r"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        # A block that was cut off has no end line: then everything to the end goes.
        ("private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?" + _BLOCK_END),
        ("token", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        ("cloud key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        ("token", r"\b(?:sk|rk)[-_][A-Za-z0-9_-]{20,}"),
        ("token", r"\bairra_(?:api|in)_[A-Za-z0-9_-]{20,}"),
        ("credential", r"(?i)(?<=[a-z]://)[^\s/@:]{1,200}:[^\s/@]{1,200}(?=@)"),
        ("credential", r"(?i)(?<=\bbearer )[A-Za-z0-9._~+/=-]{8,}"),
        ("credential", r"(?i)(?<=\bbasic )[A-Za-z0-9+/=]{12,}"),
        ("cookie", r"(?i)(?<=cookie: )(?!\[redacted)[^\r\n\"]{4,}"),
        (
            "secret",
            _AFTER_NAME + r"[\"']?\s*[=:]\s*[\"']?(?!\[redacted)[^\s\"',;&}\\]{4,}",
        ),
    )
)


def redact(text: str) -> str:
    """The text with every secret replaced by `[redacted <kind>]`. Idempotent."""
    for kind, pattern in _PATTERNS:
        text = pattern.sub(f"[redacted {kind}]", text)
    return text


def found_in(text: str) -> list[str]:
    """The kinds of secrets that still stand in a text."""
    return sorted({kind for kind, pattern in _PATTERNS if pattern.search(text)})
