"""ntfy, the second way to the human: one request per message (https://docs.ntfy.sh/publish)."""

from typing import Final
from urllib.parse import urlsplit

import httpx

from aiops.adapters.background_loop import BackgroundLoop
from aiops.domain.notice import Bundle, Route
from aiops.errors import ChannelError, SettingsError

SECONDS: Final = 10.0
"""Hard limit for one message: a limit per read would let a server that drips hold the voice for ever."""

_PRIORITY: Final = {Route.DIRECT: "urgent", Route.GROUP: "default", Route.GROUP_SILENTLY: "min", Route.NOBODY: "min"}


class NtfyChannel:
    """Port ``Channel``. ``url`` is the topic's address; ``token`` may be empty."""

    name = "ntfy"

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._loop = BackgroundLoop()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, bundle: Bundle) -> str:
        headers = {**self._headers, "Title": "aiops", "Priority": _PRIORITY[bundle.route]}
        where = urlsplit(self._url).netloc
        try:
            answer = self._loop.run(self._post(bundle.text.encode(), headers), SECONDS)
        except TimeoutError:
            raise ChannelError(self.name, f"{where} did not answer whole within {SECONDS:g} s") from None
        except httpx.HTTPError as error:
            raise ChannelError(self.name, f"{where}: {error}") from None
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise ChannelError(self.name, f"{where} takes no more messages for now", 60.0)
        if answer.is_client_error:
            raise SettingsError("ntfy", f"{where} answered {answer.status_code}: check the topic and its token")
        if not answer.is_success:
            raise ChannelError(self.name, f"{where} answered {answer.status_code}")
        try:
            return str(answer.json()["id"])
        except (ValueError, KeyError, TypeError):
            return ""

    def close(self) -> None:
        """End what still runs."""
        self._loop.close()

    async def _post(self, content: bytes, headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(timeout=SECONDS) as client:
            return await client.post(self._url, content=content, headers=headers)
