"""The permit: a signed Redis key that lives less than a second. No permit, no start: silence means stop."""

import json
from datetime import timedelta
from typing import Any

from redis import Redis, RedisError

from aiops.adapters.signing import KeySigner, KeyVerifier
from aiops.domain.fact import canonical, iso, utcnow
from aiops.errors import BusError
from aiops.ports import Clock

KEY, BACKUP_KEY = "aiops.permit", "aiops.permit.backups"
"""A freeze of repairs does not stop the nightly backup, so that one has a permit of its own."""
LIFETIME_MS = 900
"""Below a second, so that a freeze holds within one second even when the revocation is lost."""
SKEW = timedelta(seconds=30)
"""How far the clocks of two containers may differ; it also bounds how long a copied permit could be replayed."""

_PURPOSE = "aiops permit"
_SECONDS = 0.5


class RedisPermitOffice:
    """Renews the permit; ``incidents`` calls ``renew`` several times a second while nothing is frozen."""

    def __init__(
        self, url: str, signer: KeySigner, *, key: str = KEY, px: int = LIFETIME_MS, clock: Clock = utcnow
    ) -> None:
        self._redis, self._url = _connect(url), _without_password(url)
        self._signer, self._key, self._px, self._clock = signer, key, px, clock

    def renew(self) -> None:
        """Issue a fresh permit.

        :raises BusError: Redis does not answer
        """
        issued = iso(self._clock())
        value = {
            "issued_at": issued,
            "signature": self._signer.sign_text(_PURPOSE, self._key + issued),
            "key": self._signer.key,
        }
        try:
            self._redis.set(self._key, canonical(value), px=self._px)
        except RedisError as error:
            raise BusError(self._url, str(error)) from error

    def revoke(self) -> None:
        """Take the permit away at once.

        :raises BusError: Redis does not answer; the permit then ends by itself
        """
        try:
            self._redis.delete(self._key)
        except RedisError as error:
            raise BusError(self._url, str(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()


class RedisPermit:
    """Reads the permit on the remediation side."""

    def __init__(self, url: str, verifier: KeyVerifier, *, key: str = KEY, clock: Clock = utcnow) -> None:
        self._redis, self._verifier, self._key, self._clock = _connect(url), verifier, key, clock

    def valid(self) -> bool:
        """Whether a fresh, rightly signed permit lies there now. False when Redis does not answer."""
        try:
            found: Any = self._redis.get(self._key)
        except RedisError:
            return False
        return isinstance(found, bytes) and self._holds(found)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _holds(self, found: bytes) -> bool:
        try:
            value = json.loads(found)
            issued, signature, key = value["issued_at"], value["signature"], value["key"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        if not all(isinstance(field, str) for field in (issued, signature, key)):
            return False
        if not self._verifier.holds(_PURPOSE, self._key + issued, signature, key):
            return False
        now = self._clock()
        # Moments in ISO 8601 with the same number of digits sort as text.
        return bool(iso(now - SKEW) <= issued <= iso(now + SKEW))


def _connect(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=None)


def _without_password(url: str) -> str:
    return url.rpartition("@")[2]
