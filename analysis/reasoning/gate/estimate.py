"""The most a call can use, judged before it is sent.

A token of the present vocabularies is 3 to 4 bytes of English and JSON; 2.5 errs on the dear side,
and the answer is taken to be as long as it may be.
"""

import json
import math
from typing import Any

from airra.lib.wire import Outgoing
from analysis.reasoning.gate.usage import cost_usd
from analysis.types import Estimate, Price, Tokens

_BYTES_PER_TOKEN = 2.5
_LIMITS = ("max_tokens", "max_output_tokens", "max_completion_tokens")
_UNBOUNDED = 32_000  # tokens, where a request sets no limit of its own


def is_billed(outgoing: Outgoing) -> bool:
    """Lists of models and counts of tokens are free at both vendors."""
    return outgoing.method == "POST" and not outgoing.path.endswith("/count_tokens")


def estimate(outgoing: Outgoing, price: Price | None) -> Estimate:
    """Tokens and US dollars this call can use at most; dollars are 0 when no price is known."""
    if not is_billed(outgoing):
        return Estimate(0, 0, 0.0)
    asked = math.ceil(len(outgoing.body) / _BYTES_PER_TOKEN)
    answered = _limit(outgoing.body)
    dearest = Tokens(cache_write=asked, output=answered)
    plain = Tokens(input=asked, output=answered)
    dollars = max(cost_usd(price, dearest), cost_usd(price, plain))
    return Estimate(asked, answered, dollars)


def _limit(body: bytes) -> int:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _UNBOUNDED
    if not isinstance(document, dict):
        return _UNBOUNDED
    found = [document[name] for name in _LIMITS if isinstance(document.get(name), int)]
    return max(found, default=_UNBOUNDED)
