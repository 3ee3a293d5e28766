"""gunicorn's worker with threads, none of which waits long for a request to come in.

A thread reads a request as fast as its sender writes it, so a few connections that drip a byte now
and then would hold every thread there is, before anybody has proven to be anybody. And a thread
waits five seconds for the first byte of a new connection, while clients open some ahead: with 500
groups of Alertmanager's, deliveries waited a quarter of a minute for each other's idle connections.
"""

import contextlib
import selectors
import socket
import time
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker

from airra import env

READ_WITHIN_S = env.integer("AIRRA_READ_WITHIN_S", 30)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn tells no types
    """Stops listening to a connection whose request takes longer than `READ_WITHIN_S` to come.

    What was read by then is all there is: half a head ends the connection, half a body is
    answered 400. A request that is whole is answered, however long that takes.
    """

    def init_process(self) -> None:
        self._until: dict[TConn, float] = {}
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """A new connection is given a thread when it has begun to say something."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.settimeout(0)
        conn.set_timeout()
        self.pending_conns.append(conn)
        heard = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, heard)

    def handle(self, conn: TConn) -> object:
        self._until[conn] = time.monotonic() + READ_WITHIN_S
        try:
            return super().handle(conn)
        finally:
            self._until.pop(conn, None)

    def murder_pending(self) -> None:
        """Called about once a second, by the thread that handles no request."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, until in list(self._until.items()) if until < now]:
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RD)
