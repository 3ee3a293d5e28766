"""A request that is answered is gone, and with it what its page has read.

What hangs on one is found by nobody who asks a page once: a page that is polled every five seconds
would fill a web process within a day.
"""

import gc

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client

from incidents.models import Alert, Incident
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db


def kept() -> int:
    gc.collect()
    return sum(isinstance(found, WSGIRequest) for found in gc.get_objects())


@pytest.mark.parametrize(
    "path",
    [
        "/incidents/",
        "/incidents/rows/",
        "/incidents/{incident.key}/",
        "/incidents/{incident.key}/live/",
        "/alerts/",
        "/alerts/rows/",
        "/alerts/{alert.pk}/",
        "/alerts/{alert.pk}/live/",
        "/approvals/",
        "/deliveries/",
        "/integrations/",
        "/services/",
        "/silences/",
        "/grouping/",
        "/detectors/",
        "/audit/",
        "/account/",
        "/rail/",
    ],
)
def test_no_page_keeps_its_request(path: str, as_approver: Client, story: Incident) -> None:
    alert: Alert = make.alert(story)
    path = path.format(incident=story, alert=alert)
    as_approver.get(path)
    before = kept()
    for _ in range(3):
        assert as_approver.get(path).status_code == 200
    assert kept() <= before
