"""WSGI entry: what gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings")  # noqa: TID251 - Django's own
application = get_wsgi_application()
