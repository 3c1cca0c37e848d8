"""``python -m tests.faults``: campaigns of faults, each in mounts of its own. Exit 1 when a promise did not hold."""

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.campaign import Campaign, Result, hosts_for
from tests.faults.hosts import Hosts, serving
from tests.faults.machine import Machine, compiler
from tests.faults.site import Site

_INSIDE = "FAULTS_INSIDE"
_DISK_MIB = 32
"""For each hundred incidents."""


def main() -> int:
    """Run, say what came of it, and write it down where that is wanted."""
    arguments = _arguments()
    if os.geteuid() != 0:
        sys.stdout.write("left out, not passed: a campaign of faults needs root\n")
        return 0
    if _INSIDE not in os.environ:
        # The disk that gets full is mounted where nobody else sees it, and is gone when we are.
        command = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            sys.executable,
            "-m",
            "tests.faults",
            *sys.argv[1:],
        ]
        return subprocess.run(command, env={**os.environ, _INSIDE: "1"}, check=False).returncode
    result = campaign(arguments.incidents, arguments.seed, keep=arguments.keep, minutes=arguments.minutes)
    if arguments.write:
        _write(arguments.write, result)
    return 0 if result.holds else 1


def campaign(incidents: int, seed: int, *, keep: bool = False, minutes: float = math.inf) -> Result:
    """One campaign in a folder of its own, and what came of it in print; the folder stays when a promise did not hold."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB * math.ceil(incidents / 100)}m,mode=700", "faults", str(disk)],
        check=True,
    )
    (folder / "system").mkdir(mode=0o700)
    for ledger in ("incidents.sqlite", "executions.sqlite"):
        (folder / "system" / ledger).symlink_to(disk / ledger)
    with serving(Hosts(folder / "fleet", hosts_for(incidents), timeout=60)) as hosts:
        machine = Machine(folder / "machine") if compiler() else None
        site = Site(folder / "system", hosts, start_within=150, machine=machine)
        try:
            site.start()
            result = Campaign(site, seed, disk=disk, seconds=minutes * 60).run()
            sys.stdout.write(f"{result}\n")
            sys.stdout.flush()
        finally:
            site.stop()
    if result.holds and not keep:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
        shutil.rmtree(folder)
    else:
        shutil.copytree(disk, folder / "ledgers")
        sys.stdout.write(f"everything is kept in {folder}\n")
    return result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=100, help="how many, in all")
    parser.add_argument("--seed", type=int, default=1, help="which faults, in which order")
    parser.add_argument("--minutes", type=float, default=math.inf, help="break nothing more after so long")
    parser.add_argument("--write", type=Path, help="folder for a dated file with the result")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the campaign")
    return parser.parse_args()


def _write(folder: Path, result: Result) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    text = f"# Campaign of {now:%Y-%m-%d %H:%M} UTC\n\n```\n{result}\n```\n"
    (folder / f"{now:%Y-%m-%d}-seed-{result.seed}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
