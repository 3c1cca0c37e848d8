"""Takes the pictures in docs/images with a real Chromium: ``python docs/screenshots.py [report] [flower] [top]``.

Look at them before you commit them. ``top`` boots two hosts of the lab, so it needs root and tmux.
"""

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)

from celery import Celery  # noqa: E402 - the repository itself is not installed
from rich.console import Console  # noqa: E402
from rich.terminal_theme import DIMMED_MONOKAI  # noqa: E402
from rich.text import Text  # noqa: E402

from aiops.adapters.report_page import page  # noqa: E402
from aiops.adapters.usage_db import read_symbiosis  # noqa: E402
from aiops.settings import load_settings  # noqa: E402
from tasks.config import configuration  # noqa: E402
from tasks.local import Local, free_port, running  # noqa: E402
from tasks.real_hosts import fleet, lab  # noqa: E402
from tests.browser import Browser, Tab  # noqa: E402
from tests.pages.day import the_day  # noqa: E402
from tests.pages.usage_year import usage_year  # noqa: E402
from tests.terminal import Terminal  # noqa: E402

IMAGES = ROOT / "docs" / "images"
MOST = 150_000
SECONDS = 120
WIDTH, HEIGHT = 112, 32
ASKING = """
[policy]
default = "ask"
"""
FAULTS = (
    ("ct201", "agent-removes-manager"),
    ("ct202", "dead-service"),
    ("ct202", "vzdump-orphans"),
    ("ct201", "second-root"),
)
SHOWN = ("restore_removed_package", "restart_service", "clean_vzdump_orphans", "user id 0")
SCREEN = """<!doctype html><meta charset="utf-8"><style>body {{margin: 0}} pre {{font: 14px/17px "DejaVu Sans Mono",
monospace; margin: 0; padding: 12px; width: max-content; color: {foreground}; background: {background}}}</style><pre>{code}</pre>"""


def main() -> None:
    """All of them."""
    wanted = sys.argv[1:] or ["report", "flower", "top"]
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder) / "profile", SECONDS) as browser:
        tab = browser.tab()
        for name, take in (("report", report), ("flower", flower), ("top", top)):
            if name in wanted:
                take(tab, Path(folder) / name)


def report(tab: Tab, place: Path) -> None:
    """The report of a day that tests make on a real ledger: wide, dark, and on a phone."""
    place.mkdir()
    _, figures = the_day(place / "world")
    both = read_symbiosis(usage_year(place / "usage.db"), ("a-secret*",), "Europe/Paris")
    file = place / "report.html"
    file.write_text(page(figures.model_copy(update={"symbiosis": both}), "Europe/Paris"), encoding="utf-8")
    for name, width, height, dark in (
        ("report.png", 1440, 1000, False),
        ("report-dark.png", 1440, 1000, True),
        ("report-phone.png", 375, 900, False),
    ):
        tab.show(file.as_uri(), width, height, dark=dark)
        keep(tab, name)


def flower(tab: Tab, folder: Path) -> None:
    """Flower beside a running system that has just swept this machine."""
    port = free_port(0)
    with running(Local(folder, flower_port=port, only=("detect", "incidents", "remediation"))) as local:
        os.environ["AIOPS_CONFIG"] = str(local.config)
        app: Celery = Celery("pictures", set_as_current=False)
        app.conf.update(configuration(load_settings()))
        secret = (folder / "keys" / "flower").read_text(encoding="utf-8").strip()
        basic = base64.b64encode(f"aiops:{secret}".encode()).decode()
        tab.call("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {basic}"})
        deadline = time.monotonic() + SECONDS
        rows = 0
        while rows < 6:  # noqa: PLR2004 - enough to see a chain
            if time.monotonic() > deadline:
                sys.exit("Flower shows no tasks")
            app.send_task("patrol", args=("disk",))
            time.sleep(3)
            try:
                tab.show(f"http://127.0.0.1:{port}/tasks", 1440, 640)
                time.sleep(2)
                rows = int(tab.say("document.querySelectorAll('table tbody tr td:nth-child(3)').length") or 0)
            except AssertionError:
                rows = 0
        keep(tab, "flower.png")


def top(tab: Tab, place: Path) -> None:
    """`aiops top` in a real terminal, beside two real hosts with faults, every repair waiting for its human."""
    place.mkdir()
    with fleet(place / "fleet", "pictures", hosts=2, roles=["ct201=wazuh"], policy=ASKING) as local:
        os.environ["AIOPS_CONFIG"] = str(local.config)
        for host, fault in FAULTS:
            lab("break", host, fault, "--name", "pictures")
        terminal = Terminal(place)
        try:
            terminal.begin(WIDTH, HEIGHT, sys.executable, "-m", "tasks.cli", "top", "--every", "1")
            order = [sys.executable, "-m", "tasks.cli", "sweep", "health", "disk", "audit-dpkg-rc", "security"]
            subprocess.run(order, cwd=ROOT, stdout=subprocess.DEVNULL, check=False, timeout=SECONDS)
            terminal.wait(lambda shown: all(word in shown for word in SHOWN), "the plans wait")
            text = terminal.shown()
            for _ in range(next(n for n, line in enumerate(_waiting(text)) if "restart_service" in line)):
                terminal.press("Down")
            terminal.press("a")
            terminal.wait(lambda shown: "y yes" in shown, "it is asked")
            seen = terminal.shown(coloured=True)
        finally:
            terminal.end()
    console = Console(width=WIDTH, height=HEIGHT, record=True, file=io.StringIO(), force_terminal=True)
    # Rich knows no ground of its own that it could turn round.
    console.print(Text.from_ansi(seen.rstrip("\n").replace("\x1b[7m", "\x1b[38;2;0;0;0;47m")), end="")
    drawn = console.export_html(theme=DIMMED_MONOKAI, inline_styles=True, code_format=SCREEN)
    (place / "top.html").write_text(drawn, encoding="utf-8")
    tab.show((place / "top.html").as_uri(), 1060, 680)
    box = json.loads(tab.say("JSON.stringify(document.querySelector('pre').getBoundingClientRect())"))
    tab.show((place / "top.html").as_uri(), int(box["width"]) + 1, int(box["height"]) + 1)
    keep(tab, "top.png")


def _waiting(text: str) -> list[str]:
    """The lines of the plans that wait."""
    return text.partition("incidents (")[0].splitlines()[3:]


def keep(tab: Tab, name: str) -> None:
    """As a file, unless it is too large for a page."""
    size = tab.picture(IMAGES / name)
    sys.stdout.write(f"{name} {size} bytes\n")
    if size > MOST:
        sys.exit(f"{name} is larger than {MOST} bytes")


if __name__ == "__main__":
    main()
