"""What of the ledger a model may see, by the policy of the source that answered.

The ledger itself keeps everything: the offline reasoner and the checks of claims read all of it.
"""

from collections.abc import Mapping
from dataclasses import replace

from analysis.types import LeavePolicy, LedgerEntry


def visible(entry: LedgerEntry, policies: Mapping[str, LeavePolicy]) -> LedgerEntry:
    """The entry as it may leave. A source without a policy is AIRRA's own and may leave."""
    draft = entry.draft
    match policies.get(draft.source, LeavePolicy.MAY_LEAVE):
        case LeavePolicy.MAY_LEAVE:
            return entry
        case LeavePolicy.TEMPLATES_ONLY:
            view = "(raw lines of this source may not leave; the facts are computed from them)"
            return replace(entry, draft=replace(draft, view=view if draft.view else ""))
        case LeavePolicy.NEVER:
            words = f"E{entry.seq} is on record, but what its source says may not leave"
            hidden = replace(draft, summary=words, facts=(), view="", native_query="")
            return replace(entry, draft=hidden)
