"""The record of what happens: workspaces, services, alerts, incidents."""

from incidents.models.access import ApiToken, SavedView
from incidents.models.alert import Alert, Delivery, Integration
from incidents.models.audit import (
    AppendOnlyQuerySet,
    AuditCheckpoint,
    AuditEvent,
    AuditHead,
    AuditLink,
    AuditVerification,
)
from incidents.models.incident import Incident, TimelineEvent
from incidents.models.service import DependencySighting, Service, ServiceDependency
from incidents.models.workspace import DEFAULT_WORKSPACE, Membership, Workspace

__all__ = [
    "DEFAULT_WORKSPACE",
    "Alert",
    "ApiToken",
    "AppendOnlyQuerySet",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "AuditVerification",
    "Delivery",
    "DependencySighting",
    "Incident",
    "Integration",
    "Membership",
    "SavedView",
    "Service",
    "ServiceDependency",
    "TimelineEvent",
    "Workspace",
]
