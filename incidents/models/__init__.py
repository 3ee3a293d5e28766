"""The record of what happens: workspaces, services, alerts, incidents."""

from incidents.models.access import ApiToken, SavedView
from incidents.models.alert import Alert, Delivery, Integration
from incidents.models.incident import AppendOnlyQuerySet, AuditEvent, Incident, TimelineEvent
from incidents.models.service import DependencySighting, Service, ServiceDependency
from incidents.models.workspace import DEFAULT_WORKSPACE, Membership, Workspace

__all__ = [
    "DEFAULT_WORKSPACE",
    "Alert",
    "ApiToken",
    "AppendOnlyQuerySet",
    "AuditEvent",
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
