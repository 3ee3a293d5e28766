"""The shared cache in Redis, for which nobody waits long.

A Redis that hangs, rather than refuses, would keep every web thread for twenty seconds at each use
(its client waits five seconds, four times), so that deliveries and pages stand still with it.
Whoever uses the cache can do without it, so one who has just found it away tells the others.
"""

from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Away
from redis.exceptions import TimeoutError as Hangs
from redis.retry import Retry

from airra.lib.spared import Spared

_WAIT_S = 2.0
_spared = Spared()


class _Client(Redis):
    def execute_command(self, *args: Any, **options: Any) -> Any:
        if not _spared.may_try():
            msg = "it did not answer a moment ago"
            raise Away(msg)
        try:
            answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call] # redis-py
        except (Away, Hangs):
            _spared.failed()
            raise
        _spared.succeeded()
        return answer


class _Clients(RedisCacheClient):
    def __init__(self, servers: list[str], **options: Any) -> None:
        # Once more for a connection that the server has ended meanwhile, not for one that hangs.
        again = Retry(NoBackoff(), 1, supported_errors=(Away,))
        waits: dict[str, Any] = {"socket_timeout": _WAIT_S, "socket_connect_timeout": _WAIT_S}
        super().__init__(servers, retry=again, **waits, **options)
        self._client = _Client


class SharedCache(RedisCache):
    """As Django's, but a server that has not answered is left alone for a while."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Clients
