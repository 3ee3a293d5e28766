"""How upper apps hear of an investigation, and are asked for what only they know."""

from django.dispatch import Signal

investigation_settled = Signal()  # investigation
runbooks_asked = Signal()  # workspace, service (its name): receivers return (title, steps) pairs
