"""Look-alikes of litellm and its proxy extras, as wheels in a folder: small, paired by version, and of the wanted health."""

import ensurepip
import hashlib
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

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


def litellm_wheels(folder: Path, versions: Mapping[str, str]) -> None:
    """A folder with pip and, for each version 1.x.y, litellm with that code and the extras 0.x.y that it pins."""
    for version, code in versions.items():
        extras = version.replace("1.", "0.", 1)
        needs = f"Provides-Extra: proxy\nRequires-Dist: litellm-proxy-extras=={extras} ; extra == 'proxy'\n"
        wheel(folder, "litellm", version, needs, code)
        wheel(folder, "litellm-proxy-extras", extras, "", "")
    (bundled,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    (folder / bundled.name).write_bytes(bundled.read_bytes())
