"""The record of what was decided and what was done."""

from remediation.models.approval import Approval, Vote
from remediation.models.authority import Delegation, PasswordCheck
from remediation.models.catalogue import ActionLimit
from remediation.models.execution import Execution
from remediation.models.plan import Plan
from remediation.models.policy import ActionEndpoint, Policy, Runbook
from remediation.models.request import PlanRequest
from remediation.models.ruling import PolicyRuling
from remediation.models.step import Step, StepTarget
from remediation.models.stops import FreezeWindow, KillSwitch

__all__ = [
    "ActionEndpoint",
    "ActionLimit",
    "Approval",
    "Delegation",
    "Execution",
    "FreezeWindow",
    "KillSwitch",
    "PasswordCheck",
    "Plan",
    "PlanRequest",
    "Policy",
    "PolicyRuling",
    "Runbook",
    "Step",
    "StepTarget",
    "Vote",
]
