"""A real VictoriaMetrics beside a test, which scrapes what the shipped scrape configuration names."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.metrics.queries import GRAFANA
from tests.servers import free_port

PORTS = {"incidents_port": "ct190", "detect_port": "ct192", "remediation_port": "ct196", "bridge_port": "bridge"}


def exporter(ports: dict[str, int]) -> str:
    """The settings, from the port of each part."""
    lines = (f"{setting} = {ports[part]}" for setting, part in PORTS.items())
    return "\n".join(("\n[exporter]", *lines, ""))


def chosen() -> dict[str, int]:
    """A free port per part, Flower's too."""
    return {part: free_port() for part in (*PORTS.values(), "flower")}


def page(port: int) -> str:
    """What is served there now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return str(answer.read().decode())


class Victoria:
    """Debian's victoria-metrics on loopback. Of the shipped configuration only addresses and rhythm are replaced."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        config = yaml.safe_load((GRAFANA / "prometheus" / "scrape.yml").read_text(encoding="utf-8"))
        (job,) = config["scrape_configs"]
        job |= {"scrape_interval": "1s", "scrape_timeout": "900ms"}
        self.parts = [group["labels"]["part"] for group in job["static_configs"]]
        for group in job["static_configs"]:
            group["targets"] = [f"127.0.0.1:{ports[group['labels']['part']]}"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scrape.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self.port = free_port()
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                "victoria-metrics",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                f"-storageDataPath={folder / 'data'}",
                f"-promscrape.config={folder / 'scrape.yml'}",
                "-promscrape.config.strictParse",
                # Without it a sample is shown half a minute late.
                "-search.latencyOffset=0s",
                "-search.disableCache",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """An instant query, as Grafana sends it; empty while the server is not up yet."""
        words = urllib.parse.urlencode({"query": expr})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{words}", timeout=20) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}: {error.read().decode()}") from None
        except OSError:
            assert self._process.poll() is None, "victoria-metrics has ended"
            return []
        found: list[dict[str, Any]] = said["data"]["result"]
        return found

    def wait(self, expr: str, seconds: float = 120) -> list[dict[str, Any]]:
        """The answer, as soon as there is one."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.ask(expr)
            if found:
                return found
            assert time.monotonic() < deadline, f"no data within {seconds} s: {expr}"
            time.sleep(0.3)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
