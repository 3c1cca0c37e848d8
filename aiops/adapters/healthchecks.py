"""An external watcher that speaks the healthchecks protocol: a request to URL is well, to URL/fail ill; silence says the rest."""

import time
import urllib.request
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.parse import urlsplit

from aiops.errors import BusError

_SECONDS = 5.0
_LONGEST = 10_000
"""Bytes of text: what the protocol keeps of a body."""


class Healthchecks:
    """Port ``Beacon``. Begins with ``/start``; the same state is repeated after ``every`` seconds, a new one said at once."""

    def __init__(self, url: str, every: float) -> None:
        self._url, self._every = url.rstrip("/"), every
        self._said, self._at = "/start", 0.0

    def well(self, text: str) -> None:
        self._say("", text)

    def ill(self, text: str) -> None:
        self._say("/fail", text)

    def _say(self, ending: str, text: str) -> None:
        now = time.monotonic()
        if ending == self._said and now - self._at < self._every:
            return
        if self._said == "/start":
            self._post("/start", "aiops watches")
        self._post(ending, text)
        self._said, self._at = ending, now

    def _post(self, ending: str, text: str) -> None:
        # Only http and https get here: the setting's pattern says so.
        request = urllib.request.Request(self._url + ending, data=text.encode()[:_LONGEST], method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                status = int(answer.status)
        except HTTPError as error:
            # Its reason is the server's own text, which may repeat the address, and with it the key.
            status = error.code
            error.close()
        except OSError as error:
            raise BusError(urlsplit(self._url).netloc, str(error)) from error
        if status >= HTTPStatus.BAD_REQUEST:
            raise BusError(urlsplit(self._url).netloc, f"status {status}")
