"""gunicorn's worker with threads, none of which waits long for a request to come in.

A thread reads a request as fast as its sender writes it, so a few connections that drip a byte now
and then would hold every thread there is, before anybody has proven to be anybody. And a thread
waits five seconds for the first byte of a new connection, while clients open some ahead: with 500
groups of Alertmanager's, deliveries waited a quarter of a minute for each other's idle connections.
"""

import contextlib
import errno
import resource
import selectors
import socket
import time
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker

from airra import env

READ_WITHIN_S = env.integer("AIRRA_READ_WITHIN_S", 30)
_FILES_OF_OURS = 200  # at most, beside connections: databases, queues, logs, what is being served
_NO_FILE_LEFT = (errno.EMFILE, errno.ENFILE)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn tells no types
    """Stops listening to a connection whose request takes longer than `READ_WITHIN_S` to come.

    What was read by then is all there is: half a head ends the connection, half a body is
    answered 400. A request that is whole is answered, however long that takes.

    Of more connections than `worker_connections`, that one goes which has been idle for longest:
    gunicorn would let nobody new in until one of them gives up.
    """

    def init_process(self) -> None:
        self._until: dict[TConn, float] = {}
        self.worker_connections = _with_files_for(int(self.cfg.worker_connections))
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        try:
            super().accept(listener)
        except OSError as error:  # gunicorn would end the process, and all that it is doing
            if error.errno not in _NO_FILE_LEFT:
                raise
            if not self._drop_idlest():
                time.sleep(0.05)  # the one who calls stays in the queue: do not spin meanwhile
            return
        if self.nr_conns >= self.worker_connections:
            self._drop_idlest()

    def _drop_idlest(self) -> bool:
        """End the connection that has been idle for longest, if any is."""
        waiting = [conns for conns in (self.pending_conns, self.keepalived_conns) if conns]
        if not waiting:
            return False
        conn = min(waiting, key=lambda conns: conns[0].timeout).popleft()
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
        return True

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

    def _cap_keepalive(self, deadline: float) -> None:
        """A server that stops waits no longer for who has said nothing than for who was answered.

        gunicorn would wait for as long as `graceful_timeout`, and Docker kills after ten seconds.
        """
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)


def _with_files_for(connections: int) -> int:
    """So many connections, or as many as this process may have files open for.

    A shell and systemd allow 1,024 at first, and more to who asks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FILES_OF_OURS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - _FILES_OF_OURS, connections // 10, 1)
