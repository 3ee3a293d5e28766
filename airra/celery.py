"""The Celery application: queues, the beat schedule, and how the embedded default differs."""

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

from airra.lib.logging import configure

app = Celery("airra")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _log_as_json(**_: object) -> None:
    """Keep Celery from replacing our handlers."""
    configure(level=settings.LOG_LEVEL, as_json=settings.LOG_JSON)
