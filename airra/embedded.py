"""gunicorn configuration of the embedded default: web, worker and beat in one process.

SQLite and an in-memory queue: nothing to install. The queue is lost when the process ends, which
is harmless, since the sweep wakes whatever should have moved (house rule 1).
"""

import threading
from typing import Any

from airra import env

bind = f"{env.text('AIRRA_HOST', '127.0.0.1')}:{env.integer('AIRRA_PORT', 8000)}"
wsgi_app = "airra.wsgi:application"
worker_class = "airra.server.Worker"
workers = 1
threads = 8
timeout = 120
keepalive = 75  # longer than clients and proxies keep a quiet connection, so that they end it
graceful_timeout = 5
control_socket_disable = True


def post_worker_init(_: Any) -> None:
    """Start the Celery worker and beat as threads of the one web process, once it is ready."""
    from celery.beat import EmbeddedService  # noqa: PLC0415 - after the fork, not before

    from airra.celery import app  # noqa: PLC0415 - after the fork, not before

    worker = app.WorkController(
        pool="threads",
        concurrency=4,
        queues=["default", "slow", "act"],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    threading.Thread(target=worker.start, name="airra-worker", daemon=True).start()
    beat: Any = EmbeddedService(app, thread=True)
    beat.start()
