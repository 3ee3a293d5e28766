"""One settings module for every environment; what differs comes from `AIRRA_*` (`airra/env.py`)."""

from pathlib import Path

from django.contrib.messages import constants as message_levels

from airra import env
from airra.lib.logging import configure

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("AIRRA_VAR_DIR", str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = env.boolean("AIRRA_DEBUG", default=False)
SECRET_KEY = env.secret("AIRRA_SECRET_KEY")
ALLOWED_HOSTS = env.words("AIRRA_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("AIRRA_TRUSTED_ORIGINS")
BASE_URL = env.text("AIRRA_BASE_URL", "http://127.0.0.1:8000").rstrip("/")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_prometheus",
    "template_partials.apps.SimpleAppConfig",
    "ninja",  # serves the API pages' scripts from here: nothing loads from a CDN
    "airra",  # management commands of the roof: bootstrap, serve
    "incidents",
    "analysis",
    "remediation",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "airra.lib.middleware.RequestIdMiddleware",
    "airra.lib.middleware.BoundWaitMiddleware",
    "airra.lib.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "airra.lib.middleware.ReceiverMiddleware",
    # From here on only what people ask for.
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "airra.pages.unwritten.UnwrittenMiddleware",
]
RECEIVERS: tuple[str, ...] = ("/hooks/", "/v2/")  # where senders deliver

ROOT_URLCONF = "airra.urls"
WSGI_APPLICATION = "airra.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": ["template_partials.templatetags.partials", "airra.lib.ui_tags"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "airra.pages.context.shell",
            ],
        },
    }
]

DATABASES = {"default": env.database("AIRRA_DATABASE_URL", f"sqlite://{VAR_DIR}/airra.sqlite3")}
DATABASE_ANSWERS_WITHIN_S = 20  # each time a request asks it; then the request is given up
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": DATABASE_ANSWERS_WITHIN_S,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    from airra.lib.bound_connection import BoundConnection

    DATABASES["default"]["OPTIONS"] = {
        "pool": {
            "min_size": 1,
            "max_size": env.integer("AIRRA_DB_POOL", 8),
            "timeout": 10,
            "connection_class": BoundConnection,
        },
        # A machine that is cut off says nothing: without these a thread waits a quarter of an hour
        # for its answer, and more than two hours where all it had said has arrived.
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,  # ms
        **DATABASES["default"]["OPTIONS"],
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.secret("AIRRA_REDIS_URL", "")
CACHES = {
    "default": {"BACKEND": "airra.lib.cache.SharedCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Which work this process takes: `airra/lib/roles.py`.
ROLE = env.one_of("AIRRA_ROLE", "all", ("all", "web", "worker", "executor", "beat"))
SCAN_INTERVAL_S = env.integer("AIRRA_SCAN_INTERVAL_S", 30)
# While this file exists nothing is sent to production; what stands in it is the reason.
KILL_FILE = Path(env.text("AIRRA_KILL_FILE", str(VAR_DIR / "KILL")))
# Directories below which connectors may read log files; none by default.
LOG_DIRS = [Path(word) for word in env.words("AIRRA_LOG_DIRS")]
SWEEP_INTERVAL_S = env.integer("AIRRA_SWEEP_INTERVAL_S", 10)
EDGE_FRESH_H = env.integer("AIRRA_EDGE_FRESH_H", 24)
EDGE_KEPT_DAYS = env.integer("AIRRA_EDGE_KEPT_DAYS", 30)
PUSHED_RETENTION_H = env.integer("AIRRA_PUSHED_RETENTION_H", 24)
PUSHED_MAX_ROWS = env.integer("AIRRA_PUSHED_MAX_ROWS", 500_000)
SENDERS_KEPT_S = 1.0  # how long a web process relies on what it read of a sender and its secrets
MAX_ALERTS_PER_DELIVERY = env.integer("AIRRA_MAX_ALERTS_PER_DELIVERY", 5000)
DELIVERY_KEPT_DAYS = env.integer("AIRRA_DELIVERY_KEPT_DAYS", 30)
CELERY_BROKER_URL = REDIS_URL or "memory://"
# A broker that hangs must not keep the threads that only tell it something; the sweep wakes.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 900, "socket_timeout": 2.0, "socket_connect_timeout": 2.0}
    if REDIS_URL
    else {"polling_interval": 0.05}
)
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "scan": {"task": "analysis.scan", "schedule": float(SCAN_INTERVAL_S)},
    "sweep-incidents": {"task": "incidents.sweep", "schedule": float(SWEEP_INTERVAL_S)},
    "sweep-analysis": {"task": "analysis.sweep", "schedule": float(SWEEP_INTERVAL_S)},
    "sweep-remediation": {"task": "remediation.sweep", "schedule": float(SWEEP_INTERVAL_S)},
}

# Mails about approvals that wait; without a host none is written.
EMAIL_HOST = env.text("AIRRA_SMTP_HOST", "")
EMAIL_PORT = env.integer("AIRRA_SMTP_PORT", 587)
EMAIL_HOST_USER = env.text("AIRRA_SMTP_USER", "")
EMAIL_HOST_PASSWORD = env.secret("AIRRA_SMTP_PASSWORD", "")
EMAIL_USE_TLS = env.boolean("AIRRA_SMTP_TLS", default=True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("AIRRA_MAIL_FROM", "airra@localhost")

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "incidents:list"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

USE_HTTPS = env.boolean("AIRRA_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = USE_HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = USE_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if USE_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if USE_HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^(health|ready|metrics)$"]  # asked from inside, without TLS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MESSAGE_TAGS = {message_levels.ERROR: "red", message_levels.SUCCESS: "green"}

# A worker has no pages: with this it serves its own counters.
PROMETHEUS_METRICS_EXPORT_PORT = env.integer("AIRRA_METRICS_PORT", 0) or None
PROMETHEUS_METRICS_EXPORT_ADDRESS = "0.0.0.0"  # noqa: S104 - Prometheus is another container
LOG_LEVEL = env.text("AIRRA_LOG_LEVEL", "INFO").upper()
LOG_JSON = env.boolean("AIRRA_LOG_JSON", default=True)
LOGGING_CONFIG = None
configure(level=LOG_LEVEL, as_json=LOG_JSON)

ANTHROPIC_API_KEY = env.secret("AIRRA_ANTHROPIC_API_KEY", "")
ANTHROPIC_BASE_URL = env.text("AIRRA_ANTHROPIC_BASE_URL", "")
ANTHROPIC_MODEL = env.text("AIRRA_ANTHROPIC_MODEL", "claude-opus-5-5")
ANTHROPIC_EFFORT = env.text("AIRRA_ANTHROPIC_EFFORT", "medium")
ANTHROPIC_MAX_TURNS = env.integer("AIRRA_ANTHROPIC_MAX_TURNS", 12)
OPENAI_API_KEY = env.secret("AIRRA_OPENAI_API_KEY", "")
OPENAI_BASE_URL = env.text("AIRRA_OPENAI_BASE_URL", "")
OPENAI_MODEL = env.text("AIRRA_OPENAI_MODEL", "gpt-6.1-sol")
OPENAI_EFFORT = env.text("AIRRA_OPENAI_EFFORT", "medium")
MODEL_BUDGET_USD = env.number("AIRRA_MODEL_BUDGET_USD", 2.0)
MODEL_DAY_BUDGET_USD = env.number("AIRRA_MODEL_DAY_BUDGET_USD", 20.0)
MODEL_MAX_TOKENS = env.integer("AIRRA_MODEL_MAX_TOKENS", 3_000_000)
MODEL_MAX_TURNS = env.integer("AIRRA_MODEL_MAX_TURNS", 30)
MODEL_WALL_S = env.integer("AIRRA_MODEL_WALL_S", 480)
MODEL_PAYLOAD_DAYS = env.integer("AIRRA_MODEL_PAYLOAD_DAYS", 30)
PAYLOAD_KEY = env.secret("AIRRA_PAYLOAD_KEY", "")
AUDIT_KEY = env.secret("AIRRA_AUDIT_KEY", "")
# Public keys of earlier checkpoints, after AIRRA_AUDIT_KEY was changed.
AUDIT_OLD_KEYS = env.words("AIRRA_AUDIT_OLD_KEYS")
AUDIT_EXPORT_DIR = env.text("AIRRA_AUDIT_EXPORT_DIR", "")
AUDIT_EXPORT_URL = env.text("AIRRA_AUDIT_EXPORT_URL", "")
