"""The record of what happens: workspaces, services, alerts, incidents."""

from incidents.models.access import ApiToken, SavedView
from incidents.models.alert import Alert, AlertQuerySet
from incidents.models.audit import (
    AppendOnlyQuerySet,
    AuditCheckpoint,
    AuditEvent,
    AuditHead,
    AuditLink,
    AuditVerification,
)
from incidents.models.change import ChangeEvent
from incidents.models.delivery import Delivery
from incidents.models.grouping import GroupingDecision, GroupingRule, RuleTrial
from incidents.models.incident import Incident, TimelineEvent
from incidents.models.integration import Integration, IntegrationSecret
from incidents.models.service import DependencySighting, Service, ServiceDependency
from incidents.models.silence import Silence
from incidents.models.touch import Touch
from incidents.models.workspace import DEFAULT_WORKSPACE, Membership, Workspace, places_of

__all__ = [
    "DEFAULT_WORKSPACE",
    "Alert",
    "AlertQuerySet",
    "ApiToken",
    "AppendOnlyQuerySet",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "AuditVerification",
    "ChangeEvent",
    "Delivery",
    "DependencySighting",
    "GroupingDecision",
    "GroupingRule",
    "Incident",
    "Integration",
    "IntegrationSecret",
    "Membership",
    "RuleTrial",
    "SavedView",
    "Service",
    "ServiceDependency",
    "Silence",
    "TimelineEvent",
    "Touch",
    "Workspace",
    "places_of",
]
