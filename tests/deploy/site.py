"""A site for the deployment: containers of the lab, an inventory, secrets, and Debian's own packages in the hosts' apt source."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from aiops import bootstrap
from lab import enter, repository
from tasks.real_hosts import POLICY, lab

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("redis-server", "mosquitto", "git", "bubblewrap")

SPREAD: Final[Mapping[int, Mapping[str, tuple[list[str], list[str]]]]] = {
    2: {
        "ct201": (
            ["incidents", "triage", "notify", "night", "brief", "bridge", "flower"],
            ["redis", "mosquitto"],
        ),
        "ct202": (["detect", "beat", "remediation"], []),
    },
    5: {
        "ct201": (["bridge", "flower"], ["redis", "mosquitto"]),
        "ct202": (["incidents", "triage", "notify", "night", "brief"], []),
        "ct203": (["detect", "beat"], []),
        "ct204": (["remediation"], []),
        "ct205": ([], []),
    },
}
"""How many hosts, and what runs on which; the last one is broken and repaired."""


@dataclass
class Site:
    """The lab is up; everything the controller needs lies in ``folder``."""

    folder: Path
    name: str
    spread: Mapping[str, tuple[list[str], list[str]]]

    @property
    def target(self) -> str:
        """The host that is broken."""
        return list(self.spread)[-1]

    @property
    def decides(self) -> str:
        """Where a human calls ``aiops``."""
        return self.where("incidents")

    def where(self, process: str) -> str:
        """The container that runs it."""
        return next(host for host, (processes, _) in self.spread.items() if process in processes)

    @property
    def inventory(self) -> Path:
        return self.folder / "site.yml"

    def up(self) -> None:
        """Boot the hosts with nothing of ours but an administrator."""
        self.folder.mkdir(parents=True, exist_ok=True)
        secrets = self.folder / "secrets"
        secrets.mkdir(mode=0o700)
        for key in (self.folder / "admin", secrets / "probe_key", secrets / "repair_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key.name, "-f", str(key)], check=True)
        (self.folder / "admin.sudoers").write_text("admin ALL=(root) NOPASSWD: ALL\n")
        bootstrap.generate_keys(secrets / "plan_signing_key", secrets / "trusted" / "ct190.pem")
        (secrets / "flower_password").write_text("not-a-secret-of-anybody")
        lab(
            *("up", "--hosts", str(len(self.spread)), "--name", self.name, "--dir", str(self.folder / "lab")),
            *("--die-with", str(os.getpid())),
            f"--account=admin:{self.folder}/admin.pub:{self.folder}/admin.sudoers",
        )
        self._offer_packages()
        self._write()

    def down(self) -> None:
        lab("down", "--name", self.name)

    def inside(self, host: str, *argv: str, check: bool = True) -> str:
        """What a command says, as root in the host."""
        done = enter.find(host, self.name).run(*argv, check=check, timeout=180)
        return done.out

    def aiops(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        """What the human's command says on the deciding container, with --json."""
        inside = enter.find(self.decides, self.name)
        done = inside.run("/usr/local/bin/aiops", *words, "--json", check=False, timeout=180)
        assert done.status in codes, f"aiops {' '.join(words)}: {done.status}\n{done.out}\n{done.err}"
        return json.loads(done.out) if done.out.strip() else {}

    def controller(self, *words: str, code: int = 0) -> Any:
        """What ``aiops`` says on the controller."""
        environment = {
            **os.environ,
            "AIOPS_CONFIG": str(self.folder / "aiops.toml"),
            "AIOPS_FLEET__INVENTORY": str(self.folder / "lab" / "inventory.yml"),
            "AIOPS_SSH__KNOWN_HOSTS": str(self.folder / "enrolled"),
            "AIOPS_SSH__KEY_FILE": str(self.folder / "secrets" / "probe_key"),
            "AIOPS_REPAIR__KEY_FILE": str(self.folder / "secrets" / "repair_key"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "tasks.cli", *words, "--json"],
            capture_output=True,
            text=True,
            timeout=180,
            cwd=ROOT,
            env=environment,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def fingerprints(self) -> list[str]:
        """The hosts' keys as their own consoles show them: read from their file systems."""
        shown = [
            self.inside(host, "ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub") for host in self.spread
        ]
        return [line.split()[1] for line in shown]

    def enrolled(self) -> None:
        """What was collected, under the addresses that the containers know each other by."""
        collected = (self.folder / "enrolled").read_text()
        for outer, inner in self._addresses().items():
            collected = collected.replace(f"{outer} ", f"{inner} ")
        (self.folder / "known_hosts").write_text(collected)

    def play(self, playbook: str, root: Path = ROOT, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a playbook from the controller."""
        done = subprocess.run(
            [
                f"{Path(sys.executable).parent}/ansible-playbook",
                "-i",
                str(self.inventory),
                f"{root}/ansible/{playbook}",
            ],
            capture_output=True,
            text=True,
            timeout=1800,
            cwd=root / "ansible",
            env={**os.environ, "ANSIBLE_CONFIG": str(root / "ansible" / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            check=False,
        )
        (self.folder / "last-play.log").write_text(done.stdout + done.stderr)
        if check:
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done

    def set_shadow(self, mode: str) -> None:
        """What ``shadow`` is with the next deployment."""
        text = self.toml.read_text()
        self.toml.write_text(re.sub('^shadow = ".*"$', f'shadow = "{mode}"', text, flags=re.MULTILINE))

    @property
    def toml(self) -> Path:
        return self.folder / "aiops.toml"

    def _addresses(self) -> dict[str, str]:
        spec = json.loads((self.folder / "lab" / "lab.json").read_text())["spec"]
        return {f"127.77.{spec['slot']}.{host['number']}": f"10.77.0.{10 + host['number']}" for host in spec["hosts"]}

    def _write(self) -> None:
        inner = dict(zip(self.spread, self._addresses().values(), strict=True))
        outer = dict(zip(self.spread, self._addresses(), strict=True))
        broker = next(inner[host] for host, (_, servers) in self.spread.items() if servers)
        self.toml.write_text(
            f'shadow = "all"\n[redis]\nurl = "redis://{broker}:6379/0"\n[mqtt]\nhost = "{broker}"\n[brief]\non = true\n'
            f"{POLICY}\n[correlation]\nbaseline = false\n"
        )
        fleet = {host: {"ansible_host": address, "aiops_role": "lab"} for host, address in inner.items()}
        (self.folder / "fleet.yml").write_text(yaml.safe_dump({"lab": {"hosts": fleet}}))
        ssh = f"-o UserKnownHostsFile={self.folder}/lab/known_hosts -o StrictHostKeyChecking=yes"
        common = {
            "ansible_user": "admin",
            "ansible_ssh_private_key_file": f"{self.folder}/admin",
            "ansible_ssh_common_args": ssh,
            "aiops_settings": f"{self.folder}/aiops.toml",
            "aiops_hosts": f"{self.folder}/fleet.yml",
            "aiops_known_hosts": f"{self.folder}/known_hosts",
            "aiops_secrets": f"{self.folder}/secrets",
            "aiops_build": os.environ.get("AIOPS_LAB_CACHE", "/var/cache/aiops-lab") + "/deploy",
        }
        containers = {
            host: {"ansible_host": outer[host], "aiops_processes": processes, "aiops_servers": servers}
            for host, (processes, servers) in self.spread.items()
            if processes or servers
        }
        watched = {host: {"ansible_host": address} for host, address in outer.items()}
        groups = {"aiops": {"hosts": containers}, "aiops_watched": {"hosts": watched}}
        self.inventory.write_text(yaml.safe_dump({"all": {"vars": common, "children": groups}}))

    def _offer_packages(self) -> None:
        """Into the hosts' only apt source, as a mirror would: exactly what the base lacks of them."""
        spec = json.loads((self.folder / "lab" / "lab.json").read_text())["spec"]
        debs = self.folder / "debs"
        (debs / "partial").mkdir(parents=True)
        where = [
            *("-o", f"Dir::State::status={spec['base']}/var/lib/dpkg/status", "-o", f"Dir::Cache::archives={debs}"),
            *("-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"),
        ]
        subprocess.run(
            ["apt-get", *where, "-qq", "--yes", "--no-install-recommends", "--download-only", "install", *PACKAGES],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        found = sorted(debs.glob("*.deb"))
        entries = "\n".join(repository._entry(deb) for deb in found)
        for host in self.spread:
            inside = enter.find(host, self.name)
            for deb in found:
                shutil.copy(deb, inside.root / "srv/lab-apt" / deb.name)
            inside.write("/srv/lab-apt/Packages", f"{inside.read('/srv/lab-apt/Packages')}\n{entries}")
            inside.run("apt-get", "update", "-q")


def modules_of(text: str) -> set[str]:
    """What a Python printed as a list of words."""
    return set(re.findall(r"[a-z_]+", text))
