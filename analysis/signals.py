"""How remediation hears that an investigation has come to an end."""

from django.dispatch import Signal

investigation_settled = Signal()  # investigation
