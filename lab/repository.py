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
    "loki": ("2.9.4-1",),
}
# Daemons with a binary of their own, copied from the base: so /proc/PID/exe says "(deleted)" once they are removed.
# (Upstream's manager ships its own interpreter too.)
OWN_BINARY = {
    "wazuh-manager": ("var/ossec/framework/python/bin/python3", "usr/bin/python3"),
    "lab-flaky": ("usr/lib/lab-flaky/flakyd", "bin/sleep"),
}


def build(into: Path, architecture: str, base: Path) -> list[Path]:
    """Build every package in every version into the folder `into`, with a `Packages` index; return the .debs.

    `base` is the root that packages with a binary of their own take it from. Raises CommandError.
    """
    into.mkdir(parents=True)
    debs = []
    for name, versions in VERSIONS.items():
        for version in versions:
            tree = into / f"{name}.tree"
            _copy(PACKAGES / name, tree, {"@VERSION@": version, "@ARCH@": architecture})
            if own := OWN_BINARY.get(name):
                binary = tree / own[0]
                binary.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy((base / own[1]).resolve(), binary)
                binary.chmod(0o755)
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
