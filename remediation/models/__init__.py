"""The record of what was decided and what was done."""

from remediation.models.approval import Approval
from remediation.models.catalogue import ActionLimit
from remediation.models.execution import Execution
from remediation.models.plan import Plan
from remediation.models.policy import ActionEndpoint, Policy, Runbook
from remediation.models.request import PlanRequest

__all__ = [
    "ActionEndpoint",
    "ActionLimit",
    "Approval",
    "Execution",
    "Plan",
    "PlanRequest",
    "Policy",
    "Runbook",
]
