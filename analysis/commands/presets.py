"""Sample detectors for a metric source, so that a fresh install watches something at once."""

from dataclasses import asdict

from django.db import transaction

from analysis.models import Connector, Detector
from analysis.perception.presets import PRESETS
from incidents.models import Workspace


@transaction.atomic
def install_detectors(workspace: Workspace, connector: Connector) -> int:
    """Add each preset this workspace does not have by name; returns how many were new."""
    made = 0
    for preset in PRESETS:
        fields = asdict(preset)
        _, is_new = Detector.objects.get_or_create(
            workspace=workspace,
            name=fields.pop("name"),
            defaults={**fields, "connector": connector},
        )
        made += is_new
    return made
