"""The search for a cause, as rows: started once, leased while it runs, settled in one transaction.

Killing the worker at any point loses one attempt: its evidence stays under its attempt number, the
lease runs out, and the sweep starts the next attempt.
"""

from analysis.commands.investigation.lease import LEASE, MAX_ATTEMPTS
from analysis.commands.investigation.run import run, run_for_incident
from analysis.commands.investigation.scene import context_of
from analysis.commands.investigation.start import (
    STARTS_A_MINUTE,
    CannotInvestigate,
    again,
    consider,
    start,
)
from analysis.commands.investigation.steer import steer, suggest
from analysis.commands.investigation.stop import cancel
from analysis.commands.investigation.sweep import sweep

__all__ = [
    "LEASE",
    "MAX_ATTEMPTS",
    "STARTS_A_MINUTE",
    "CannotInvestigate",
    "again",
    "cancel",
    "consider",
    "context_of",
    "run",
    "run_for_incident",
    "start",
    "steer",
    "suggest",
    "sweep",
]
