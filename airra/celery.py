"""The Celery application: queues, the beat schedule, and how the embedded default differs."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, setup_logging
from django.conf import settings

from airra.lib.logging import configure
from airra.lib.roles import WrongRole, require_role

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings")  # noqa: TID251 - Django's own
app = Celery("airra")
app.set_default()  # the current app is one per thread; web threads have none and take this one
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _log_as_json(**_: object) -> None:
    """Keep Celery from replacing our handlers."""
    configure(level=settings.LOG_LEVEL, as_json=settings.LOG_JSON)


@celeryd_after_setup.connect
def _reads_only_its_queues(instance: Any, **_: object) -> None:
    """Stop a worker whose command line hands it queues that are not for its role."""
    try:
        for queue in instance.app.amqp.queues.consume_from:
            require_role(queue)
    except WrongRole as error:
        raise SystemExit(str(error)) from error  # Celery would log any other exception and go on
