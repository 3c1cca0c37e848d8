"""A Redis connection that notices when the other end is gone."""

from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

FAILURES: Final = (RedisError, OSError)
"""What a call may raise when Redis is away, loading, full, read-only or refuses the user."""


def connect(url: str, *, seconds: float = 5.0) -> Redis:
    """A client that waits at most ``seconds`` for a connection and for an answer. Does not connect yet.

    One immediate retry covers a connection that the server closed while it lay in the pool; the library's default would
    retry for many seconds. A health check after 15 s of silence finds a half-open link, which otherwise hangs for ever.

    :raises ValueError: the URL is none
    """
    return Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
        protocol=2,
    )


def where(client: Redis) -> str:
    """Host and port for messages; never the password."""
    options = client.connection_pool.connection_kwargs
    return f"redis {options.get('host', options.get('path', '?'))}:{options.get('port', '')}".rstrip(":")
