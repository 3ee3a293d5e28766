"""Every clue that spans and logs give, from one reading of the traces.

Features (0 to 1): `changed_events` (bags.py: code faults) and, of which kind the change is,
`stopped_event`, `only_stopped`, `skipped_part`, `swapped_event`, `new_event`, `new_error`,
`quick_answer`, `vanished_request`, `complained_of`; `log_novelty` (log_novelty.py: lines without
spans); `rpc_gap`, `rpc_gap_share` (spans.py: network, and starved of cpu), `self_time` (spans.py:
cpu, slow code).
"""

from analysis.reasoning.rootcause import bags, log_novelty, spans
from analysis.reasoning.rootcause.visits import visits_of
from analysis.types import Case, Clue


def clues(case: Case) -> list[Clue]:
    """Clues from the traces of `case`; empty without spans on both sides of its start."""
    visits = visits_of(case)
    return [
        *bags.clues_of(visits, case),
        *spans.clues_of(visits, case),
        *log_novelty.clues(case),
    ]
