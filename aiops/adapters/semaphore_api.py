"""Semaphore's published API, as far as a repair needs it: standard library, no proxy, no redirection, a hard end.

What is sent and read stands in Semaphore's ``api-docs.yml``, except for four fields that its servers have and the file does not
list: ``message``, ``params`` and ``commit_hash`` of a task, ``task_params`` of a template.
"""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from aiops.adapters.echoes import without_echo
from aiops.errors import SettingsError, TransientError

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of one answer. A playbook that prints more than that is cut off before it fills our memory."""
_PIECE: Final = 64 * 1024
_SAID: Final = 200
"""Characters of an error's body that are quoted."""


class SemaphoreError(TransientError):
    """Semaphore did not do what it was asked.

    ``status`` is the HTTP status, 0 without an answer. ``sent`` says that the request may have arrived: then what it asked for
    may be done.
    """

    def __init__(self, reason: str, status: int = 0, sent: bool = True) -> None:  # noqa: FBT001, FBT002 - rebuilt from args
        super().__init__(reason, status, sent)
        self.reason, self.status, self.sent = reason, status, sent

    def __str__(self) -> str:
        return f"Semaphore: {self.reason}"

    @property
    def final(self) -> bool:
        """Whether it said no: asking again gives the same answer, and nothing was done."""
        return 300 <= self.status < 500 and self.status not in (408, 429)  # noqa: PLR2004 - HTTP's own classes


class _Answer(BaseModel):
    """An answer is taken as it is typed; what we do not know in it is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


_T = TypeVar("_T", bound=_Answer)


class Template(_Answer):
    """What starts when a task is asked for. ``task_params`` is None on a server that has no limits to override."""

    id: int
    name: str = ""
    playbook: str | None = None
    inventory_id: int | None = None
    arguments: str | None = None
    app: str | None = None
    type: str | None = None
    allow_override_args_in_task: bool = False
    task_params: dict[str, Any] | None = None


class Task(_Answer):
    """One run. ``start`` is when it left the queue, as text; not every server tells."""

    id: int
    template_id: int
    status: str = ""
    limit: str | None = None
    playbook: str | None = None
    dry_run: bool | None = None
    message: str | None = None
    params: dict[str, Any] | None = None
    start: str | None = None
    commit_hash: str | None = None

    @property
    def checks_only(self) -> bool:
        """Whether it runs in check mode, as far as the server says."""
        return self.dry_run is True or (self.params or {}).get("dry_run") is True

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts it is limited to, as far as the server says."""
        limit = (self.params or {}).get("limit") or (self.limit or "").split(",")
        return frozenset(str(name).strip() for name in limit if str(name).strip())


class Line(_Answer):
    """One line of a task's output; ``time`` is RFC 3339, as text."""

    output: str
    time: str | None = None


class _Info(_Answer):
    version: str = Field(default="?")


class SemaphoreApi:
    """One project of one server. Safe to use from several threads: every request has a connection of its own.

    :raises SettingsError: the address is no http or https address, or the CA file holds no certificate
    """

    def __init__(
        self,
        url: str,
        project: int,
        token: Callable[[], str],
        *,
        seconds: float = 10.0,
        ca_file: Path | None = None,
    ) -> None:
        """``token`` reads the token, so that a new one needs no restart. ``seconds`` is the end of every request."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise SettingsError("semaphore.url", f"{url!r} is no http or https address without user name")
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._tls = ssl.create_default_context()
            if ca_file:
                self._trust(ca_file)
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/").removesuffix("/api") + "/api"
        self._project, self._token, self._seconds = project, token, seconds

    def _trust(self, ca_file: Path) -> None:
        assert self._tls  # noqa: S101 - for the type checker
        try:
            self._tls.load_verify_locations(ca_file)
        except OSError as error:
            raise SettingsError("semaphore.ca_file", f"{ca_file} holds no certificate: {error}") from error

    # Every method raises SemaphoreError, and SettingsError when the token's file cannot be read.

    def version(self) -> str:
        """The server's version; also proves that the token is good."""
        return _read(_Info, self._ask("GET", "/info")).version

    def template(self, template: int) -> Template:
        """One template."""
        return _read(Template, self._ask("GET", f"{self._here}/templates/{template:d}"))

    def last_tasks(self) -> Sequence[Task]:
        """The last 200 tasks of the project."""
        return _read_all(Task, self._ask("GET", f"{self._here}/tasks/last"))

    def start(self, wanted: Mapping[str, Any]) -> Task:
        """Queue a task. After an error with ``sent`` and without ``final`` nobody knows whether it is queued."""
        return _read(Task, self._ask("POST", f"{self._here}/tasks", wanted))

    def task(self, task: int) -> Task:
        """One task as it is now."""
        return _read(Task, self._ask("GET", f"{self._here}/tasks/{task:d}"))

    def output(self, task: int) -> Sequence[Line]:
        """Everything it has printed."""
        return _read_all(Line, self._ask("GET", f"{self._here}/tasks/{task:d}/output"))

    def stop(self, task: int, *, force: bool = False) -> None:
        """Ask it to stop; ``force`` kills it. It has stopped when its status says so."""
        self._ask("POST", f"{self._here}/tasks/{task:d}/stop", {"force": True} if force else {})

    def token(self) -> str:
        """The token as it stands in its file now; for the header, and to be taken out of what is recorded."""
        token = self._token()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError("semaphore.token_file", "what it holds is no token")
        return token

    @property
    def _here(self) -> str:
        return f"/project/{self._project:d}"

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token()}", "Accept": "application/json", "User-Agent": "aiops"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connection()
        over, sent = threading.Event(), False
        # Each read has its own limit in the standard library, so a server that drips would hold us for ever.
        end = threading.Timer(self._seconds, _hang_up, args=(connection, over))
        end.daemon = True
        end.start()
        try:
            connection.connect()
            sent = True
            connection.request(method, self._base + path, body=data, headers=headers)
            answer = connection.getresponse()
            status, content = answer.status, without_echo(_content(answer), headers)
        except (OSError, HTTPException) as error:
            late = over.is_set() or isinstance(error, TimeoutError)
            why = f"no answer within {self._seconds:g} s" if late else str(error) or type(error).__name__
            raise SemaphoreError(f"{method} {path}: {why}", sent=sent) from error
        finally:
            end.cancel()
            connection.close()
        if over.is_set():
            raise SemaphoreError(f"{method} {path}: no whole answer within {self._seconds:g} s")
        return _parsed(f"{method} {path}", status, content)

    def _connection(self) -> HTTPConnection:
        if self._tls:
            return HTTPSConnection(self._host, self._port, timeout=self._seconds, context=self._tls)
        return HTTPConnection(self._host, self._port, timeout=self._seconds)


def _content(answer: HTTPResponse) -> bytes:
    whole = bytearray()
    while piece := answer.read(_PIECE):
        whole += piece
        if len(whole) > MOST_BYTES:
            raise HTTPException(f"more than {MOST_BYTES} bytes")
    return bytes(whole)


def _parsed(what: str, status: int, content: bytes) -> Any:
    if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own class
        said = " ".join(content.decode(errors="replace").split())[:_SAID]
        why = {401: "the token is not accepted", 403: "the token may not do that", 404: "there is no such thing"}
        raise SemaphoreError(f"{what}: {status} {why.get(status, '')}: {said}".rstrip(": "), status)
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SemaphoreError(f"{what}: its answer is no JSON", status) from error


def _read(kind: type[_T], answer: Any) -> _T:
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        raise SemaphoreError(f"its answer is no {kind.__name__.lower()}: {_first(error)}") from error


def _read_all(kind: type[_T], answer: Any) -> Sequence[_T]:
    try:
        return TypeAdapter(list[kind]).validate_python(answer or [])  # type: ignore[valid-type]
    except ValidationError as error:
        raise SemaphoreError(f"its answer is no list of {kind.__name__.lower()}s: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    line = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, line['loc']))}: {line['msg']}"


def _hang_up(connection: HTTPConnection, over: threading.Event) -> None:
    over.set()
    if isinstance(connection.sock, socket.socket):
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was closed in this very moment
