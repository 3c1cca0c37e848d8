"""Flower beside the system: sees all workers, controls none. ``python -m workers.flower PORT``.

The password is made once, in ``<state>/keys/flower``; it reaches Flower by its environment, never by its command line.
"""

import os
import sys

from aiops.settings import load_settings
from tasks.app import app
from workers.draining import keep_apart

if __name__ == "__main__":
    settings = load_settings()
    keep_apart("flower")
    password = (settings.state / "keys" / "flower").read_text(encoding="utf-8").strip()
    os.environ["FLOWER_BASIC_AUTH"] = f"aiops:{password}"
    app.start(
        [
            "flower",
            "--address=127.0.0.1",
            f"--port={int(sys.argv[1])}",
            "--read_only",
            "--persistent=True",
            f"--db={settings.state / 'flower'}",
            "--state_save_interval=10000",
            "--purge_offline_workers=60",
        ]
    )
