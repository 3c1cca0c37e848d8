"""The LiteLLM story on a real host: a crash loop, a paired upgrade, and two upgrades that are no good."""

import ensurepip
import hashlib
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from aiops.domain.outcome import Outcome
from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(500)]

SERVES = """
from http.server import BaseHTTPRequestHandler, HTTPServer


class Life(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/liveliness" else 404)
        self.end_headers()


def main():
    HTTPServer(("127.0.0.1", 4000), Life).serve_forever()
"""
CRASHES = """
def main():
    raise SystemExit("prisma: no such table")
"""
UNIT = """[Unit]
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/litellm/current/bin/litellm
Restart=always
RestartSec=200ms
"""


def wheel(folder: Path, name: str, version: str, needs: str, code: str) -> None:
    """A small wheel with the metadata that matters: the extra `proxy`, and what it pins."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{module}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n" if name == "litellm" else "",
    }
    files[f"{info}/RECORD"] = _record(files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


def _record(files: Mapping[str, str]) -> str:
    def digest(text: str) -> str:
        return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

    return "".join(f"{path},sha256={digest(text)},{len(text.encode())}\n" for path, text in files.items())


@pytest.fixture(scope="module")
def llm(fleet: Fleet) -> Fleet:
    """A host with a litellm that crashes over and over, and wheels of newer ones."""
    folder = fleet.inside.root / "srv/wheels"
    folder.mkdir()
    for version, code in {"1.0.0": CRASHES, "1.1.0": SERVES, "1.2.0": CRASHES}.items():
        extras = version.replace("1.", "0.", 1)
        needs = f"Provides-Extra: proxy\nRequires-Dist: litellm-proxy-extras=={extras} ; extra == 'proxy'\n"
        wheel(folder, "litellm", version, needs, code)
        wheel(folder, "litellm-proxy-extras", extras, "", "")
    (bundled,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    (folder / bundled.name).write_bytes(bundled.read_bytes())
    fleet.inside.write("/etc/systemd/system/litellm.service", UNIT)
    fleet.run("systemctl", "daemon-reload")
    return fleet


def upgraded(llm: Fleet, version: str, extras: str) -> Outcome:
    return llm.repair("upgrade_litellm", version=version, extras_version=extras, wheels="/srv/wheels", settle_seconds=2)


def current(llm: Fleet) -> str:
    return llm.run("readlink", "/opt/litellm/current").strip()


def test_litellm_is_upgraded_as_a_pair_or_not_at_all(llm: Fleet) -> None:
    first = upgraded(llm, "1.0.0", "0.0.0")
    assert first.status == "failure", "it crashes over and over, and nothing was there before"
    assert "no version lives: there was none before" in first.reason
    assert current(llm) == "/opt/litellm/venvs/1.0.0-0.0.0"

    mismatch = upgraded(llm, "1.1.0", "0.0.0")
    assert mismatch.status == "failure"
    assert current(llm) == "/opt/litellm/venvs/1.0.0-0.0.0", "refused before the link was touched"

    paired = upgraded(llm, "1.1.0", "0.1.0")
    assert paired.status == "success", paired.reason
    assert "litellm 1.1.0 with litellm-proxy-extras 0.1.0 instead of 1.0.0-0.0.0" in paired.changes
    assert current(llm) == "/opt/litellm/venvs/1.1.0-0.1.0"

    again = upgraded(llm, "1.1.0", "0.1.0")
    assert again.status == "success"
    assert again.recap[llm.name]["changed"] == 0


def test_a_version_that_does_not_live_is_taken_back(llm: Fleet) -> None:
    outcome = upgraded(llm, "1.2.0", "0.2.0")
    assert outcome.status == "failure"
    assert "the version from before is back and lives" in outcome.reason
    assert current(llm) == "/opt/litellm/venvs/1.1.0-0.1.0"
