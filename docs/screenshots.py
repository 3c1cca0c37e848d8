"""Takes the pictures in docs/images with a real Chromium: ``python docs/screenshots.py``. Look at them before you commit them."""

import base64
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)

from celery import Celery  # noqa: E402 - the repository itself is not installed

from aiops.adapters.report_page import page  # noqa: E402
from aiops.adapters.usage_db import read_symbiosis  # noqa: E402
from aiops.settings import load_settings  # noqa: E402
from tasks.config import configuration  # noqa: E402
from tasks.local import Local, free_port, running  # noqa: E402
from tests.browser import Browser, Tab  # noqa: E402
from tests.pages.day import the_day  # noqa: E402
from tests.pages.usage_year import usage_year  # noqa: E402

IMAGES = ROOT / "docs" / "images"
MOST = 150_000
SECONDS = 120


def main() -> None:
    """All of them."""
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder) / "profile", SECONDS) as browser:
        tab = browser.tab()
        report(tab, Path(folder))
        flower(tab, Path(folder) / "system")


def report(tab: Tab, place: Path) -> None:
    """The report of a day that tests make on a real ledger: wide, dark, and on a phone."""
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
                tab.show(f"http://127.0.0.1:{port}/tasks", 1440, 700)
                time.sleep(2)
                rows = int(tab.say("document.querySelectorAll('table tbody tr td:nth-child(3)').length") or 0)
            except AssertionError:
                rows = 0
        keep(tab, "flower.png")


def keep(tab: Tab, name: str) -> None:
    """As a file, unless it is too large for a page."""
    size = tab.picture(IMAGES / name)
    sys.stdout.write(f"{name} {size} bytes\n")
    if size > MOST:
        sys.exit(f"{name} is larger than {MOST} bytes")


if __name__ == "__main__":
    main()
