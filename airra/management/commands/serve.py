"""`manage.py serve`: web, worker and beat in one process, on SQLite and an in-memory queue."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from gunicorn.app.wsgiapp import run


class Command(BaseCommand):
    help = "Start AIRRA whole in one process: web, worker and beat (the embedded default)."

    def handle(self, *_: Any, **__: Any) -> None:
        sys.argv = ["gunicorn", "--config", "python:airra.embedded"]
        run()
