"""What an investigation tells while it runs. One stream of events is all that pages show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProgressKind(StrEnum):
    STAGE = "stage"
    TOOL_STARTED = "tool_started"
    TOOL_FINISHED = "tool_finished"
    HYPOTHESIS_ADDED = "hypothesis_added"
    CLAIM_CHECKED = "claim_checked"
    SPENT = "spent"  # payload: usd, tokens so far
    PROVIDER_SWITCHED = "provider_switched"
    REFUSAL = "refusal"
    NOTE = "note"  # an operator said something
    GUIDANCE = "guidance"  # such a note was taken in
    SETTLED = "settled"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Progress:
    kind: ProgressKind
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)


OnProgress = Callable[[Progress], None]  # raises Cancelled when the operator has cancelled


class Cancelled(Exception):
    """An operator stopped the investigation; nothing more is asked or sent."""
