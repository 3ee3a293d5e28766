"""How upper apps hear of incidents. Receivers do nothing but enqueue."""

from django.dispatch import Signal

incident_opened = Signal()  # incident
incident_changed = Signal()  # incident
