"""Which incidents are about a source of AIRRA's own, and not about a service it watches."""

from analysis.models import Connector
from incidents.models import Incident

PREFIX = "source:"


def report_key(connector: Connector) -> str:
    """The grouping key of the one incident a dead source has."""
    return f"{PREFIX}{connector.pk}"


def is_about_a_source(incident: Incident) -> bool:
    return incident.grouping_key.startswith(PREFIX)
