"""gunicorn's worker with threads, none of which waits long for a request to come in.

A thread reads a request as fast as its sender writes it, so a few connections that drip a byte now
and then would hold every thread there is, before anybody has proven to be anybody. And a thread
waits five seconds for the first byte of a new connection, while clients open some ahead: with 500
groups of Alertmanager's, deliveries waited a quarter of a minute for each other's idle connections.
And who was answered and does not leave would hold up everybody else for two seconds.
"""

import contextlib
import errno
import resource
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker

from airra import env

READ_WITHIN_S = env.integer("AIRRA_READ_WITHIN_S", 30)
_FILES_OF_OURS = 200  # at most, beside connections: databases, queues, logs, what is being served
_PART_WITHIN_S = 5  # as nginx: time for who is still sending to hear that it was too much
_HEARD_OUT = 16 * 1024 * 1024  # bytes after the last answer, of which none is kept
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
        self._lacks_file = False
        self._parting: deque[TConn] = deque()
        self._heard: dict[TConn, int] = {}
        self.worker_connections = _with_files_for(int(self.cfg.worker_connections))
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        try:
            super().accept(listener)
        except OSError as error:  # gunicorn would end the process, and all that it is doing
            if error.errno not in _NO_FILE_LEFT:
                raise
            self._lacks_file = True

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Room is made after all that happened was seen to, as one that goes may have spoken."""
        super().wait_for_and_dispatch_events(timeout)
        if self._lacks_file or self.nr_conns >= self.worker_connections:
            is_dropped = self._drop_idlest()
            if self._lacks_file and not is_dropped:
                time.sleep(0.05)  # the one who calls stays in the queue: do not spin meanwhile
            self._lacks_file = False

    def _drop_idlest(self) -> bool:
        """End the connection that has been idle for longest, if any is."""
        if self._parting:
            self._end(self._parting[0])
            return True
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

    def finish_request(self, conn: TConn, handled: Future[object]) -> None:
        """Called with the end of `handle`, by the thread that handles no request."""
        if handled.cancelled() or handled.exception() or handled.result():
            super().finish_request(conn, handled)
        else:
            self._part(conn)

    def _part(self, conn: TConn) -> None:
        """End a connection once its client does, without a wait (RFC 9112, section 9.6).

        Ended with bytes unread it would be reset, and its client might not see the answer.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it is gone already
            self.nr_conns -= 1
            conn.close()
            return
        conn.sock.settimeout(0)
        conn.timeout = time.monotonic() + _PART_WITHIN_S
        self._parting.append(conn)
        self._heard[conn] = 0
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._hear_out, conn))

    def _hear_out(self, conn: TConn, sock: socket.socket) -> None:
        try:
            heard = len(sock.recv(65536))
        except BlockingIOError:
            return
        except OSError:
            heard = 0
        self._heard[conn] += heard
        if not heard or self._heard[conn] > _HEARD_OUT:
            self._end(conn)

    def _end(self, conn: TConn) -> None:
        self._parting.remove(conn)
        del self._heard[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Called about once a second, by the thread that handles no request."""
        super().murder_pending()
        now = time.monotonic()
        while self._parting and self._parting[0].timeout < now:
            self._end(self._parting[0])
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
