"""top: what goes on, live in a terminal, and a human's word on what waits."""

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.live import Live

from aiops import bootstrap
from aiops.errors import AiopsError, SettingsError
from aiops.ports import IncidentServices
from aiops.settings import Settings, load_settings
from tasks.cli.incidents import approve_plan, deny_plan
from tasks.cli.output import Json, dump
from tasks.cli.top_screen import View, screen
from tasks.cli.top_state import now

_TICK: Final = 0.25
"""Seconds until a new size of the terminal is drawn."""
_UP: Final = frozenset({"k", "\x1b[A", "\x1bOA"})
_DOWN: Final = frozenset({"j", "\x1b[B", "\x1bOB"})
_QUIT: Final = frozenset({"q", "\x03", "\x04"})


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(top)


def top(
    every: Annotated[float, typer.Option(min=0.5, max=60, help="Seconds between two looks at the ledger.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Show guardians, incidents, workers and what waits for you, live; approve or deny with a key and a `y`."""
    settings = load_settings()
    services = bootstrap.incidents(settings)
    if as_json:
        dump(now(settings, services))
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SettingsError("top", "this is no terminal: `aiops top --json` prints one look")
    # A shell or a library may have exported the size of its moment; this screen follows the terminal.
    console = Console(_environ={name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}})
    with (
        suppress(KeyboardInterrupt),
        _keys() as pressed,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        _follow(live, pressed, every, settings, services)


def _follow(live: Live, pressed: "Keys", every: float, settings: Settings, services: IncidentServices) -> None:
    view, shown, due = View(), now(settings, services), time.monotonic() + every
    while True:
        view = view.on(shown["waiting"])
        live.update(screen(shown, view, *live.console.size), refresh=True)
        key = pressed.next(min(_TICK, max(0.0, due - time.monotonic())))
        if key in _QUIT:
            return
        if key:
            view = press(key, view, shown, services)
        if time.monotonic() >= due or (key and view.said):
            shown, due = now(settings, services), time.monotonic() + every


def press(key: str, view: View, shown: dict[str, Any], services: IncidentServices) -> View:
    """What a key does. Only a ``y`` right after the question says the word, and it binds to the plan that was on the screen."""
    waiting = shown["waiting"]
    if view.asked:
        said = _say(view, services) if key == "y" else "not done"
        return replace(view, asked=None, said=said)
    if key in _UP | _DOWN:
        return view.step(waiting, 1 if key in _DOWN else -1)
    chosen = next((one for one in waiting if one["incident"] == view.chosen), None)
    if chosen is None or key not in {"a", "d"}:
        return replace(view, said="")
    if key == "a" and chosen["typed"]:
        return replace(view, said=f"destructive: type it out, aiops approve {chosen['incident']} --host NAME")
    return replace(view, asked="approve" if key == "a" else "deny", digest=chosen["digest"], said="")


def _say(view: View, services: IncidentServices) -> str:
    try:
        if view.asked == "deny":
            deny_plan(view.chosen, "denied in aiops top", services)
            return f"denied: {view.chosen}"
        approved = approve_plan(view.chosen, services, digest=view.digest)
    except AiopsError as error:
        return str(error)
    return f"approved: {approved.remediation} on {', '.join(approved.hosts)}"


class Keys:
    """Keys of the terminal, one at a time; an arrow is one key."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: list[str] = []

    def next(self, seconds: float) -> str:
        """The next key, or nothing after so long."""
        if not self._waiting and select.select([self._descriptor], [], [], seconds)[0]:
            read = os.read(self._descriptor, 64)
            if not read:
                return "q"  # the terminal is gone
            text = read.decode(errors="replace")
            self._waiting = [text] if text in _UP | _DOWN else list(text)
        return self._waiting.pop(0) if self._waiting else ""


@contextmanager
def _keys() -> Iterator[Keys]:
    """Keys without Enter and without echo; the terminal is as before afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield Keys(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
