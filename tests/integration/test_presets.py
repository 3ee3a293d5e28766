"""The sample detectors."""

import pytest

from analysis.commands.presets import install_detectors
from analysis.models import Connector, Detector
from analysis.perception.presets import PRESETS
from incidents.models import Workspace

pytestmark = pytest.mark.django_db


def test_presets_are_added_once_and_never_overwrite() -> None:
    workspace = Workspace.objects.get()
    connector = Connector.objects.create(
        workspace=workspace, name="p", kind="prometheus", url="http://127.0.0.1:9"
    )
    assert install_detectors(workspace, connector) == len(PRESETS)
    Detector.objects.filter(name=PRESETS[0].name).update(sensitivity=9)
    assert install_detectors(workspace, connector) == 0
    assert Detector.objects.get(name=PRESETS[0].name).sensitivity == 9
