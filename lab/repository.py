"""The lab's own little apt repository: packages/<name>/ made into .debs, and the index apt wants of them."""

import hashlib
import re
import shutil
from pathlib import Path

from lab.run import run

PACKAGES = Path(__file__).parent / "packages"
VERSIONS = {
    "wazuh-manager": ("4.14.4-1", "4.14.5-1"),  # a repair that takes "the newest" gets the wrong one
    "wazuh-agent": ("4.14.4-1",),
    "lab-flaky": ("1.0-1", "1.1-1"),
    "lab-oldtool": ("1.0-1",),
    "promtail": ("2.9.4-1",),
}
# The manager ships its own interpreter, as upstream does; so /proc/PID/exe says "(deleted)" once it is removed.
OWN_PYTHON = {"wazuh-manager": Path("var/ossec/framework/python/bin/python3")}


def build(into: Path, architecture: str, python: Path) -> list[Path]:
    """Build every package in every version into the folder `into`, with a `Packages` index; return the .debs.

    `python` is the interpreter binary to ship with packages that bring their own. Raises CommandError.
    """
    into.mkdir(parents=True)
    debs = []
    for name, versions in VERSIONS.items():
        for version in versions:
            tree = into / f"{name}.tree"
            _copy(PACKAGES / name, tree, {"@VERSION@": version, "@ARCH@": architecture})
            if own := OWN_PYTHON.get(name):
                (tree / own).parent.mkdir(parents=True)
                shutil.copy(python, tree / own)
                (tree / own).chmod(0o755)
            deb = into / f"{name}_{version}_{architecture}.deb"
            run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(deb))
            shutil.rmtree(tree)
            debs.append(deb)
    (into / "Packages").write_text("\n".join(_entry(deb) for deb in debs), encoding="utf-8")
    return debs


def _copy(source: Path, target: Path, values: dict[str, str]) -> None:
    target.mkdir(mode=0o755)
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(mode=0o755)
            continue
        text = re.sub("|".join(values), lambda match: values[match[0]], path.read_text(encoding="utf-8"))
        copy.write_text(text, encoding="utf-8")
        copy.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _entry(deb: Path) -> str:
    control = run("dpkg-deb", "--field", str(deb)).out
    data = deb.read_bytes()
    return f"{control}Filename: ./{deb.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
