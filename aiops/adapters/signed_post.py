"""The other end of a signed webhook: one POST, signed with a shared key and the time. See docs/ingest.md for the form."""

import hashlib
import hmac
import json
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from aiops.errors import BusError, RefusedError, SettingsError

SIGNATURE: Final = "X-Aiops-Signature"
TIME: Final = "X-Aiops-Timestamp"
_SECONDS: Final = 15.0


def signature(key: str, moment: str, body: bytes) -> str:
    """HMAC-SHA256, in hex, over the moment, a colon and the body (the order of Grafana's own)."""
    return hmac.new(key.encode(), moment.encode() + b":" + body, hashlib.sha256).hexdigest()


def signed_post(url: str, key: str, value: Any) -> None:
    """Send a value as JSON.

    :raises SettingsError: the address is none
    :raises RefusedError: the other side does not take it
    :raises BusError: it does not answer now
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise SettingsError("usage.url", f"{url!r} is no http or https address without user name")
    body, moment = json.dumps(value).encode(), str(int(time.time()))
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=_SECONDS)
    headers = {"Content-Type": "application/json", TIME: moment, SIGNATURE: signature(key, moment, body)}
    try:
        connection.request("POST", parts.path or "/", body=body, headers=headers)
        answer = connection.getresponse()
        status, said = answer.status, answer.read(400).decode(errors="replace")
    except (OSError, HTTPException) as error:
        raise BusError(url, str(error) or type(error).__name__) from None
    finally:
        connection.close()
    if status >= 500 or status == 429:  # noqa: PLR2004 - HTTP's own classes
        raise BusError(url, f"{status} {' '.join(said.split())}")
    if status != 200:  # noqa: PLR2004 - HTTP's own
        raise RefusedError("usage", f"{url} answers {status} {' '.join(said.split())}")
