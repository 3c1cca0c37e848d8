"""A Bot API to test against: real HTTP, the published shapes of the methods we use, and every way in which it fails."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "123456:AA-token-of-the-test-server-0123456789"
GROUP, DIRECT, OTHERS = -100200300, 400500, -100999

PARAMETERS: dict[str, dict[str, bool]] = {
    "getMe": {},
    "getChat": {"chat_id": True},
    "getWebhookInfo": {},
    "sendChatAction": {"chat_id": True, "action": True, "message_thread_id": False, "business_connection_id": False},
    "getUpdates": {"offset": False, "limit": False, "timeout": False, "allowed_updates": False},
    "setMyCommands": {"commands": True, "scope": False, "language_code": False},
    "answerCallbackQuery": {
        "callback_query_id": True,
        "text": False,
        "show_alert": False,
        "url": False,
        "cache_time": False,
    },
    "editMessageText": {
        "text": True,
        "chat_id": False,
        "message_id": False,
        "inline_message_id": False,
        "parse_mode": False,
        "reply_markup": False,
        "link_preview_options": False,
        "entities": False,
        "business_connection_id": False,
    },
    "sendMessage": {
        "chat_id": True,
        "text": True,
        "disable_notification": False,
        "parse_mode": False,
        "reply_markup": False,
        "link_preview_options": False,
        "reply_parameters": False,
        "entities": False,
        "protect_content": False,
        "message_thread_id": False,
    },
}
"""Method: parameter: whether it is required, as published for Bot API 9."""


@dataclass
class Telegram:
    """The server's state. ``faults`` are taken one per request to ``sendMessage``, in order; those of other methods are
    in ``broken``. ``dead``: every connection is dropped.

    A fault is a status with its description, ``429:SECONDS``, ``drop`` (the connection, before anything was done), ``hang``,
    ``garbage``, or ``answer`` with what is answered instead.
    """

    port: int = 0
    faults: list[str] = field(default_factory=list)
    broken: dict[str, list[str]] = field(default_factory=dict)
    dead: bool = False
    webhook: str = ""
    updates: list[dict[str, Any]] = field(default_factory=list)
    number: int = 900
    polls: int = 0
    turn: int = 0
    shown: dict[int, dict[str, Any]] = field(default_factory=dict)
    edits: list[dict[str, Any]] = field(default_factory=list)
    toasts: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, str]] = field(default_factory=list)
    calls: list[tuple[str, int, float]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    new: threading.Condition = field(default_factory=threading.Condition)

    @property
    def api(self) -> str:
        """What ``telegram.api`` is set to."""
        return f"http://127.0.0.1:{self.port}"

    # what humans do

    def write(self, user: int, text: str, *, chat: int = GROUP, reply_to: int = 0) -> int:
        """Somebody writes; returns the update's number."""
        message: dict[str, Any] = {**_message(self._next(), chat), "from": _user(user), "text": text}
        if reply_to:
            message["reply_to_message"] = {**_message(reply_to, chat), "from": BOT, "text": "a card"}
        return self.update({"message": message})

    def press(self, user: int, message: int, label: str) -> int:
        """Somebody presses the button of that label below a message, as it is shown now."""
        return self.press_nonce(user, message, self.button(message, label))

    def press_nonce(self, user: int, message: int, nonce: str) -> int:
        """Somebody presses what an old screen still shows."""
        chat = int(self.shown[message]["chat_id"]) if message in self.shown else GROUP
        query = {
            "id": f"q{self.number + 1}",
            "from": _user(user),
            "chat_instance": "1",
            "data": nonce,
            "message": {**_message(message, chat), "from": BOT, "text": "a card"},
        }
        return self.update({"callback_query": query})

    def update(self, what: dict[str, Any]) -> int:
        """Something happens in a chat."""
        with self.new:
            self.number += 1
            self.updates.append({"update_id": self.number, **what})
            self.new.notify_all()
            return self.number

    def button(self, message: int, label: str) -> str:
        """The callback data behind a button."""
        return self.buttons(message)[label]

    def buttons(self, message: int) -> dict[str, str]:
        """Every button below a message: label and callback data."""
        rows = json.loads(self.shown[message].get("reply_markup") or '{"inline_keyboard": []}')["inline_keyboard"]
        return {button["text"]: button["callback_data"] for row in rows for button in row}

    def until(self, enough: Callable[[], Any], what: str, seconds: float = 20) -> Any:
        """What ``enough`` returns as soon as it is true."""
        with self.new:
            self.new.wait_for(enough, seconds)
            seen = enough()
        assert seen, f"not within {seconds} s: {what}"
        return seen

    def toast(self, update: int, seconds: float = 20) -> str:
        """What the press with that update's number was answered."""
        found = self.until(
            lambda: [one for one in self.toasts if one["callback_query_id"] == f"q{update}"], "an answer", seconds
        )
        return str(found[0].get("text", ""))

    def _next(self) -> int:
        self.turn += 1
        return 70_000 + self.turn

    def wait(self, count: int, seconds: float = 20) -> list[dict[str, Any]]:
        """Until so many messages have arrived."""
        with self.new:
            self.new.wait_for(lambda: len(self.sent) >= count, seconds)
        return list(self.sent)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        """Answer one method."""
        server: Telegram = self.server.telegram  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        _, token, method = self.path.split("/", 2)
        server.asked.append(method)
        if server.dead:
            self._fails("drop", server)
            return
        given = _given(body, self.headers.get("Content-Type", ""))
        if token != f"bot{TOKEN}":
            self._say(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
            return
        if method not in PARAMETERS:
            self._say(404, {"ok": False, "error_code": 404, "description": "Not Found"})
            return
        if method == "sendMessage" and server.faults:
            fault = server.faults.pop(0)
            if self._fails(fault, server):
                return
        for fault in [server.broken[method].pop(0)] if server.broken.get(method) else []:
            if self._fails(fault, server):
                return
        wrong = set(given) - set(PARAMETERS[method])
        missing = [name for name, required in PARAMETERS[method].items() if required and not given.get(name)]
        if wrong or missing:
            self._bad(f"wrong parameters {sorted(wrong)}, missing {missing}")
            return
        if "chat_id" in given:
            server.calls.append((method, int(given["chat_id"]), time.monotonic()))
        {
            "getMe": self._me,
            "getChat": self._chat,
            "sendMessage": self._send,
            "getWebhookInfo": self._hook,
            "sendChatAction": self._action,
            "getUpdates": self._updates,
            "setMyCommands": self._commands,
            "answerCallbackQuery": self._toast,
            "editMessageText": self._edit,
        }[method](given, server)

    def _fails(self, fault: str, server: Telegram) -> bool:
        if fault == "ok":
            return False
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault == "hang":
            server.over.wait(60)
        elif fault == "garbage":
            self._raw(200, b"<html>a proxy's page</html>")
        elif fault.startswith("answer "):
            self._raw(200, fault.removeprefix("answer ").encode())
        elif fault.startswith("429:"):
            seconds = int(fault[4:])
            self._say(
                429,
                {
                    "ok": False,
                    "error_code": 429,
                    "description": f"Too Many Requests: retry after {seconds}",
                    "parameters": {"retry_after": seconds},
                },
            )
        else:
            code, _, description = fault.partition(" ")
            self._say(int(code), {"ok": False, "error_code": int(code), "description": description})
        return True

    def _me(self, _: dict[str, Any], __: Telegram) -> None:
        self._good({"id": 123456, "is_bot": True, "first_name": "hermes", "username": "hermes_bot"})

    def _chat(self, given: dict[str, Any], _: Telegram) -> None:
        chat = _chat(given)
        if chat is None:
            self._bad("chat not found")
            return
        self._good({**chat, "accent_color_id": 1, "max_reaction_count": 1, "accepted_gift_types": _GIFTS})

    def _send(self, given: dict[str, Any], server: Telegram) -> None:
        chat = _chat(given)
        if chat is None:
            self._bad("chat not found")
        elif complaint := objection(given):
            self._bad(complaint)
        else:
            with server.new:
                server.sent.append(given)
                number = len(server.sent)
                server.shown[number] = given
                server.new.notify_all()
            self._good({"message_id": number, "date": int(time.time()), "chat": chat, "text": given["text"]})

    def _hook(self, _: dict[str, Any], server: Telegram) -> None:
        self._good({"url": server.webhook, "has_custom_certificate": False, "pending_update_count": 0})

    def _action(self, given: dict[str, Any], _: Telegram) -> None:
        self._good(result=True) if _chat(given) else self._bad("chat not found")

    def _commands(self, given: dict[str, Any], server: Telegram) -> None:
        with server.new:
            server.commands[:] = json.loads(given["commands"])
            server.new.notify_all()
        self._good(result=True)

    def _toast(self, given: dict[str, Any], server: Telegram) -> None:
        with server.new:
            known = any(one["callback_query_id"] == given["callback_query_id"] for one in server.toasts)
            if not known:
                server.toasts.append(given)
                server.new.notify_all()
        if known:
            self._bad("query is too old and response timeout expired or query ID is invalid")
        elif len(given.get("text", "")) > 200:
            self._bad("MESSAGE_TOO_LONG")
        else:
            self._good(result=True)

    def _edit(self, given: dict[str, Any], server: Telegram) -> None:
        number = int(given.get("message_id", 0))
        with server.new:
            before = server.shown.get(number)
        complaint = objection(given)
        if before is None or int(before["chat_id"]) != int(given["chat_id"]):
            self._bad("message to edit not found")
        elif complaint:
            self._bad(complaint)
        elif all(before.get(key) == given.get(key) for key in ("text", "reply_markup")):
            self._bad("message is not modified: specified new message content is the same")
        else:
            with server.new:
                server.shown[number] = {**before, **given}
                server.edits.append(given)
                server.new.notify_all()
            chat = _chat(given)
            self._good({"message_id": number, "date": int(time.time()), "chat": chat, "text": given["text"]})

    def _updates(self, given: dict[str, Any], server: Telegram) -> None:
        """Long polling: an offset confirms what is below it; a second poll ends the first with a conflict."""
        offset = int(given.get("offset") or 0)
        wanted = [*json.loads(given.get("allowed_updates") or "[]"), "update_id"]
        with server.new:
            server.polls += 1
            mine = server.polls
            server.updates[:] = [one for one in server.updates if one["update_id"] >= offset]
            server.new.notify_all()
            server.new.wait_for(
                lambda: server.updates or server.polls != mine or server.over.is_set() or server.dead,
                float(given.get("timeout") or 0),
            )
            superseded = server.polls != mine
            found = [{key: one[key] for key in one if key in wanted} for one in server.updates]
        if server.dead:
            self._fails("drop", server)
        elif superseded:
            conflict = (
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
            )
            self._say(409, {"ok": False, "error_code": 409, "description": conflict})
        else:
            self._good(found[: int(given.get("limit") or 100)])

    def _good(self, result: Any) -> None:
        self._say(200, {"ok": True, "result": result})

    def _bad(self, why: str) -> None:
        self._say(400, {"ok": False, "error_code": 400, "description": f"Bad Request: {why}"})

    def _say(self, status: int, answer: Any) -> None:
        self._raw(status, json.dumps(answer).encode())

    def _raw(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Tags(HTMLParser):
    """What Telegram takes as HTML: a few tags, closed in order."""

    ALLOWED = frozenset({"b", "i", "u", "s", "code", "pre", "a", "blockquote"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong = ""
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.wrong = self.wrong or ("" if tag in self.ALLOWED else f"unsupported start tag {tag}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong = self.wrong or f"unexpected end tag {tag}"

    def handle_data(self, data: str) -> None:
        self.text += data


def objection(given: dict[str, Any]) -> str:
    """Why Telegram would not take the text and its buttons; empty when it would."""
    text = given["text"]
    if given.get("parse_mode") == "HTML":
        tags = _Tags()
        tags.feed(text)
        tags.close()
        if tags.wrong or tags.open:
            return f"can't parse entities: {tags.wrong or tags.open}"
        text = tags.text
    if len(text) > 4096:
        return "message is too long"
    rows = json.loads(given.get("reply_markup") or '{"inline_keyboard": []}')["inline_keyboard"]
    if any(not 1 <= len(button["callback_data"].encode()) <= 64 for row in rows for button in row):
        return "BUTTON_DATA_INVALID"
    return ""


BOT = {"id": 123456, "is_bot": True, "first_name": "hermes", "username": "hermes_bot"}


def _user(number: int) -> dict[str, Any]:
    return {"id": number, "is_bot": False, "first_name": f"user {number}"}


def _message(number: int, chat: int) -> dict[str, Any]:
    return {"message_id": number, "date": int(time.time()), "chat": _chat({"chat_id": chat})}


_GIFTS = {
    "unlimited_gifts": False,
    "limited_gifts": False,
    "unique_gifts": False,
    "premium_subscription": False,
    "gifts_from_channels": False,
}


def _given(body: bytes, kind: str) -> dict[str, Any]:
    if kind.startswith("application/json"):
        return dict(json.loads(body or b"{}"))
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _chat(given: dict[str, Any]) -> dict[str, Any] | None:
    number = int(given["chat_id"])
    if number == OTHERS:
        return {"id": OTHERS, "type": "supergroup", "title": "somebody else's group"}
    if number == GROUP:
        return {"id": GROUP, "type": "supergroup", "title": "operations"}
    return {"id": number, "type": "private", "first_name": "Marie"} if number > 0 else None


@contextmanager
def running() -> Iterator[Telegram]:
    """A server for the length of a test."""
    state = Telegram()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Request)
    server.daemon_threads = True
    server.telegram = state  # type: ignore[attr-defined]
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        with state.new:
            state.new.notify_all()
        server.shutdown()
        server.server_close()
        thread.join()
