"""An OpenAI-compatible chat endpoint, as far as a loop with tools needs it: no proxy, no redirection, a hard end."""

import json
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiops.adapters.echoes import without_echo

MOST_BYTES: Final = 1024 * 1024
"""Of one answer. The longest honest one is two files of 30,000 characters, escaped."""
_PIECE: Final = 64 * 1024
_SAID: Final = 200


class ChatError(Exception):
    """The endpoint gave no usable answer; the text says why and holds no key."""


@dataclass(frozen=True)
class Call:
    """A tool that the model asks for; ``arguments`` is JSON as it came, or anything else."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """One turn of the model. ``tokens_in`` and ``tokens_out`` are never fewer than the texts make likely."""

    text: str
    calls: Sequence[Call]
    tokens_in: int
    tokens_out: int


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Function(_Part):
    name: str = Field(max_length=200)
    arguments: str = ""


class _Call(_Part):
    id: str = Field(default="", max_length=200)
    function: _Function


class _Message(_Part):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(_Part):
    message: _Message


class _Usage(_Part):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(_Part):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


def tokens_of(text: str) -> int:
    """About how many tokens a text is, rather too many than too few: three characters make one."""
    return len(text) // 3 + 1


class ChatEndpoint:
    """One model behind one address. ``key`` may be empty.

    :raises ChatError: the address is no http or https address
    """

    def __init__(self, base: str, model: str, key: str = "") -> None:
        parts = urlsplit(base)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ChatError("the endpoint's address is no http or https address without user name")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/") + "/chat/completions"
        self._model, self._key = model, key

    def complete(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], most: int, seconds: float
    ) -> Reply:
        """Ask for the next turn, of at most ``most`` tokens, within ``seconds`` in all.

        :raises ChatError: no usable answer
        """
        asked = {"model": self._model, "messages": list(messages), "tools": list(tools), "max_tokens": most}
        body = json.dumps(asked).encode()
        content = self._post(body, seconds)
        try:
            completion = _Completion.model_validate_json(content)
        except ValidationError as error:
            raise ChatError(f"its answer is no chat completion: {error.errors()[0]['msg']}") from None
        message, usage = completion.choices[0].message, completion.usage or _Usage()
        calls = [Call(one.id, one.function.name, one.function.arguments) for one in message.tool_calls or []]
        said = (message.content or "") + "".join(call.name + call.arguments for call in calls)
        # A server that counts too low must not stretch the budget: six characters make at least one token.
        return Reply(
            message.content or "",
            calls,
            max(usage.prompt_tokens, len(body) // 6),
            max(usage.completion_tokens, len(said) // 6),
        )

    def _post(self, body: bytes, seconds: float) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "aiops"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection = self._connection(seconds)
        over = threading.Event()
        ended = threading.Timer(seconds, over.set)
        try:
            connection.connect()
            # Each read has its own limit in the standard library, so a server that drips would hold us for ever. The socket
            # itself is kept: the connection forgets it as soon as the answer says that it will close.
            ended = threading.Timer(seconds, _hang_up, args=(connection.sock, over))
            ended.daemon = True
            ended.start()
            connection.request("POST", self._path, body=body, headers=headers)
            answer = connection.getresponse()
            status, content = answer.status, without_echo(_content(answer), headers)
        except (OSError, HTTPException, ValueError) as error:
            late = over.is_set() or isinstance(error, TimeoutError)
            why = f"no whole answer within {seconds:.0f} s" if late else str(error) or type(error).__name__
            raise ChatError(why) from None
        finally:
            ended.cancel()
            connection.close()
        if over.is_set():
            raise ChatError(f"no whole answer within {seconds:.0f} s")
        if status != 200:  # noqa: PLR2004 - HTTP's own
            raise ChatError(f"HTTP {status}: {' '.join(content.decode(errors='replace').split())[:_SAID]}")
        return content

    def _connection(self, seconds: float) -> HTTPConnection:
        if self._tls:
            return HTTPSConnection(self._host, self._port, timeout=seconds, context=self._tls)
        return HTTPConnection(self._host, self._port, timeout=seconds)


def _content(answer: HTTPResponse) -> bytes:
    whole = bytearray()
    while piece := answer.read(_PIECE):
        whole += piece
        if len(whole) > MOST_BYTES:
            raise HTTPException(f"an answer of more than {MOST_BYTES} bytes")
    return bytes(whole)


def _hang_up(line: socket.socket, over: threading.Event) -> None:
    over.set()
    with suppress(OSError):  # it was closed in this very moment
        line.shutdown(socket.SHUT_RDWR)
