"""A real headless Chromium, spoken to over its own pipe: no port, no driver."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--no-proxy-server", "--force-color-profile=srgb", "--font-render-hinting=none", "--remote-debugging-pipe"),
)


@dataclass
class Tab:
    """One page. ``complaints`` is what it wrote to the console as an error or threw, ``asked`` what it asked for."""

    browser: "Browser"
    session: str
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    loaded: int = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **params)

    def show(self, url: str, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Open the page in a window of that size."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        before = self.loaded
        self.call("Page.navigate", url=url)
        self.browser.until(lambda: self.loaded > before, f"{url} is loaded")

    def say(self, expression: str) -> Any:
        """What an expression in the page gives."""
        said = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until it is true in the page."""
        self.browser.until(lambda: bool(self.say(expression)), expression)

    def key(self, name: str) -> None:
        """Press one key."""
        code = {"Tab": 9, "Enter": 13}[name]
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if name == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)

    def reached(self, times: int) -> list[str]:
        """What Tab comes to, by role: link texts, labels, tags."""
        found = []
        for _ in range(times):
            self.key("Tab")
            found.append(
                self.say(
                    "(e => e.getAttribute('aria-label') || e.textContent.trim().slice(0, 60) || e.name || e.type"
                    " || e.tagName)(document.activeElement)"
                )
            )
        return found

    def overflow(self) -> int:
        """How many pixels the page is wider than its window."""
        return int(self.say("document.documentElement.scrollWidth - window.innerWidth"))

    def picture(self, path: Path) -> int:
        """What is to be seen, as a PNG; its size in bytes."""
        shown = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        return path.write_bytes(base64.b64decode(shown["data"]))


class Browser:
    """One browser with a profile of its own below ``folder``."""

    def __init__(self, folder: Path, seconds: float = 60) -> None:
        assert CHROMIUM, "chromium is not installed"
        self._seconds = seconds
        to_it, ours = os.pipe()
        theirs, from_it = os.pipe()
        self._write, self._read = ours, theirs
        # The browser reads its orders from 3 and answers on 4.
        order = f'exec "$@" 3<&{to_it} 4>&{from_it}'
        with (folder.parent / "chromium.log").open("wb") as said:
            self._process = subprocess.Popen(
                ["bash", "-c", order, "bash", CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
                pass_fds=(to_it, from_it),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        os.close(to_it)
        os.close(from_it)
        self._buffer = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._tabs: dict[str, Tab] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            os.write(self._write, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
            self._process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def tab(self) -> Tab:
        """A new page with everything it says written down."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        return tab

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Its answer to one order."""
        self._number += 1
        number = self._number
        order = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._write, json.dumps(order).encode() + b"\0")
        self.until(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    def until(self, true: Any, what: str) -> None:
        """Read on until it is true."""
        deadline = time.monotonic() + self._seconds
        while not true():
            assert time.monotonic() < deadline, f"not within {self._seconds} s: {what}"
            if select.select([self._read], [], [], 0.1)[0]:
                piece = os.read(self._read, 1 << 20)
                assert piece, "the browser has ended"
                self._buffer += piece
            *whole, self._buffer = self._buffer.split(b"\0")
            for message in whole:
                self._heard(json.loads(message))

    def _heard(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
            return
        tab = self._tabs.get(message.get("sessionId", ""))
        if tab is None:
            return
        method, params = message["method"], message["params"]
        if method == "Page.loadEventFired":
            tab.loaded += 1
        elif method == "Network.requestWillBeSent":
            tab.asked.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            tab.complaints.append(str(params["exceptionDetails"].get("exception", params))[:400])
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "assert"}:
            tab.complaints.append(str([one.get("value") for one in params["args"]])[:400])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            tab.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}"[:400])
