"""ASGI entry, kept for the day a stream is wanted."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings")  # noqa: TID251 - Django's own
application = get_asgi_application()
