"""The settings of the test suite: the same module, with fast hashing and jobs in the caller."""

import os
from pathlib import Path

os.environ.setdefault("AIRRA_SECRET_KEY", "only-for-tests")  # noqa: TID251 - before settings read it
os.environ.setdefault("AIRRA_VAR_DIR", str(Path(__file__).parent.parent / "build" / "tests"))  # noqa: TID251
os.environ.setdefault("AIRRA_LOG_LEVEL", "CRITICAL")  # noqa: TID251

from airra.settings import *  # noqa: F403
from airra.settings import CACHES, STATIC_ROOT, STORAGES

STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns without it
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True
SENDERS_KEPT_S = 0.0  # a test changes a sender and delivers at once
CELERY_TASK_EAGER_PROPAGATES = True
CACHES = {**CACHES, "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
