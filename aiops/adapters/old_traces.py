"""Reads what starts by the clock on a host: one read-only script, here or over a human's own login."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aiops.adapters.enrolment import SshEnrolment
from aiops.domain.host import Host
from aiops.domain.moving import Trace, Unseen
from aiops.errors import AiopsError, SettingsError

_SECONDS: Final = 60


class OldTraces:
    """Port ``OldSystem``."""

    def __init__(self, script: Path, login: SshEnrolment) -> None:
        """:raises SettingsError: the script cannot be read"""
        try:
            self._script = script.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(str(script), f"cannot be read: {error.strerror}") from None
        self._login = login

    def look(self, host: Host | None) -> tuple[list[Trace], list[Unseen]]:
        name = host.name if host else "this machine"
        try:
            text = self._login.run(host, self._script) if host else _here(self._script)
        except AiopsError as error:
            return [], [Unseen(host=name, place="everything", reason=str(error))]
        traces, unseen = [], []
        for place, said in _rows(text):
            if place.startswith("!"):
                unseen.append(Unseen(host=name, place=place[1:], reason=said))
            else:
                traces.append(Trace(host=name, place=place, text=said))
        return traces, unseen


def _rows(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        place, tab, said = line.partition("\t")
        if tab:
            yield place, "".join(sign if sign.isprintable() else " " for sign in said).strip()


def _here(script: str) -> str:
    command = ["/bin/sh", "-s"]
    try:
        done = subprocess.run(
            command, input=script, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise SettingsError("/bin/sh", f"the look did not end within {_SECONDS} s") from None
    if done.returncode:
        raise SettingsError("/bin/sh", done.stderr.strip()[-200:] or f"ended with {done.returncode}")
    return done.stdout
