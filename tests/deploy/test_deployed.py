"""Deployed by its own playbook onto containers of the lab: the whole loop runs there, an upgrade that does not work goes back,
and nothing is left behind in the end. ``DEPLOY_HOSTS=5`` gives each role a container of its own; by default two hold them all.

The tests build on each other, in the order in which they stand.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import enter
from tasks.real_hosts import lab
from tests.deploy.site import ROOT, SPREAD, Site

pytestmark = [pytest.mark.lab, pytest.mark.deployed, pytest.mark.timeout(2400)]

FOREIGN = (
    "litellm",
    "telegram",
    "httpx",
    "ansible",
    "fabric",
    "cryptography",
    "flower",
    "defusedxml",
    "jsonschema",
    "mcp",
    "amqtt",
)
HOLDS = {
    "bridge": {"jsonschema"},
    "detect": {"cryptography", "fabric"},
    "flower": {"flower"},
    "incidents": {"cryptography"},
    "night": {"defusedxml", "jsonschema"},
    "notify": {"httpx", "telegram"},
    "remediate": {"ansible", "cryptography", "fabric"},
    "triage": {"httpx", "jsonschema", "litellm"},
}
"""Extra: which of these may be imported in its environment. litellm itself needs httpx and jsonschema."""
EXPOSED_AT_MOST = 4.0
"""What `systemd-analyze security` says of a unit, 0 to 10; it calls up to 4.9 medium, up to 2.4 well."""
NOT_OURS = re.compile(
    "|".join(  # noqa: FLY002 - one pattern a line
        (
            r"/(proc|sys|dev|run|tmp|srv/lab-apt|mnt|lost\+found)(/.*)?",
            r"/var/(log|cache|tmp|backups|spool|lib/(dpkg|apt|systemd|ucf|private|logrotate))(/.*)?",
            # What the packages' own scripts make; the packages stay.
            r"/usr/local/(share|lib/[a-z0-9_-]+)/perl(/.*)?",
            r"/etc/(redis|mosquitto)(/.*)?|/etc/systemd/system/redis\.service",
            r"/etc/systemd/system/multi-user\.target\.wants(/(redis-server|mosquitto)\.service)?",
            r"/etc/rc[0-6S]\.d/[SK][0-9]+(redis-server|mosquitto)|/etc/alternatives/.*|/etc/ld\.so\.cache|/etc/mailcap",
            r"/var/lib/(redis|mosquitto)(/.*)?",
            # A fault of the lab writes a file there and takes it away again.
            r"/etc/systemd/system/cron\.service\.d",
            r".*/__pycache__(/.*)?",
            r"/(root|home/admin)/\.ansible(/.*)?",
            # Debian's sudo leaves it for everybody in its group, at the first call.
            r"/home/admin/\.sudo_as_admin_successful",
        )
    )
)
"""Paths of the kernel, of the lab, of package management and of Debian's packages, which stay; and Ansible's own folder."""
OLD_TIMER, OLD_SCRIPT, OLD_MARKS = (
    "guardian-disk.timer",
    "/usr/local/bin/guardian-disk.sh",
    "/run/old-guardian-was-here",
)
OLD_SYSTEM = {
    OLD_SCRIPT: f"#!/bin/sh\ndate >>{OLD_MARKS}\n",
    "/etc/systemd/system/guardian-disk.service": f"[Service]\nType=oneshot\nExecStart={OLD_SCRIPT}\n",
    f"/etc/systemd/system/{OLD_TIMER}": (
        "[Timer]\nOnActiveSec=1\nOnUnitActiveSec=2\nAccuracySec=1\n[Install]\nWantedBy=timers.target\n"
    ),
    "/etc/cron.d/guardian-health": "MAILTO=root\n0 */6 * * * root /opt/hermes/guardian-health.sh\n",
}
ACCOUNTS = frozenset(
    f"/etc/{name}{old}" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid") for old in ("", "-")
)
"""They are compared line by line: the packages bring accounts of their own."""
BROUGHT = frozenset({"redis", "mosquitto"})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(
        tmp_path_factory.mktemp("deploy"), f"deploy{os.getpid()}", SPREAD[int(os.environ.get("DEPLOY_HOSTS", "2"))]
    )
    site.up()
    try:
        yield site
    finally:
        site.down()


@pytest.fixture(scope="module")
def before(site: Site) -> dict[str, set[str]]:
    """What is on each host before anything of ours; on the one that is broken an old system is at work."""
    old = enter.find(site.target, site.name)
    for path, text in OLD_SYSTEM.items():
        old.write(path, text)
    old.run("chmod", "0755", OLD_SCRIPT)
    old.run("systemctl", "daemon-reload")
    old.run("systemctl", "enable", "--now", OLD_TIMER)
    return {host: traces(site, host) for host in site.spread}


def traces(site: Site, host: str) -> set[str]:
    """Everything there that no package owns: paths, what stands in every file of /etc, accounts and members of groups."""
    paths = set(site.inside(host, "find", "/", "-xdev", check=False).splitlines()) - of_packages(site, host)
    named = set(site.inside(host, "find", "/run", "/tmp", "/var/log", "-name", "*aiops*", check=False).splitlines())
    sums = site.inside(host, "find", "/etc", "-type", "f", "-exec", "sha256sum", "{}", "+").splitlines()
    contents = {f"{path} {mark}" for mark, path in (line.split(maxsplit=1) for line in sums) if path not in ACCOUNTS}
    lines = site.inside(host, "cat", "/etc/passwd", "/etc/group", "/etc/subuid", "/etc/subgid").splitlines()
    accounts = {f"account {line}" for line in lines if line.split(":")[0] not in BROUGHT}
    units = site.inside(host, "systemctl", "list-unit-files", "--no-legend", "--plain", "aiops*", check=False)
    found = {one for one in paths | contents if not NOT_OURS.fullmatch(one.split(" ")[0])}
    return found | named | accounts | {f"unit {line}" for line in units.splitlines()}


def of_packages(site: Site, host: str) -> set[str]:
    """Every path that a package has brought, as find spells it."""
    owned = set(site.inside(host, "sh", "-c", "cat /var/lib/dpkg/info/*.list").splitlines())
    return owned | {f"/usr{path}" for path in owned if path.startswith(("/bin", "/sbin", "/lib"))}


def until(look: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(1)
    return seen


def test_hosts_are_enrolled_by_keys_that_somebody_vouches_for(site: Site, before: dict[str, set[str]]) -> None:
    hosts = list(site.spread)
    login = ("--login", "admin", "--identity", f"{site.folder}/admin")
    site.controller("enroll", *hosts, *login, "--yes", code=3)
    vouched = [word for mark in site.fingerprints() for word in ("--fingerprint", mark)]
    first = site.controller("enroll", *hosts, *login, "--yes", *vouched)
    again = site.controller("enroll", *hosts, *login)

    assert all(not any("aiops" in trace for trace in there) for there in before.values())
    assert {item["standing"] for one in first for item in one["items"] if "aiops" in item["what"]} == {"made"}
    assert {item["standing"] for one in again for item in one["items"]} == {"present"}
    assert [one["missing"] for one in again] == [[] for _ in hosts]
    site.enrolled()


def test_the_playbook_deploys_and_a_second_run_changes_nothing(site: Site, say: Callable[[str], None]) -> None:
    started = time.monotonic()
    site.play("deploy.yml")
    first = time.monotonic() - started
    again = site.play("deploy.yml").stdout

    recap = [line for line in again.splitlines() if " ok=" in line]
    assert recap
    assert all("changed=0 " in line for line in recap), again[-4000:]
    say(f"deployed onto {len(site.spread)} containers in {first:.0f} s")


def test_each_environment_holds_nothing_of_the_others(site: Site) -> None:
    look = f"import importlib.util as u; print([n for n in {FOREIGN} if u.find_spec(n)])"
    for host, (processes, _) in site.spread.items():
        if not processes:
            continue
        for extra in site.inside(host, "ls", "/opt/aiops/current/venv/").split():
            python = f"/opt/aiops/current/venv/{extra}/bin/python"
            found = set(json.loads(site.inside(host, python, "-I", "-c", look).replace("'", '"')))
            assert found == HOLDS[extra], extra


def test_secrets_reach_the_process_they_are_for_and_nobody_else(site: Site) -> None:
    for host, (processes, _) in site.spread.items():
        for process in processes:
            (pid,) = site.inside(host, "systemctl", "show", "--value", "--property=MainPID", f"aiops-{process}").split()
            environment = site.inside(host, "cat", f"/proc/{pid}/environ", f"/proc/{pid}/cmdline")
            for secret in (site.folder / "secrets").rglob("*"):
                if secret.is_file() and secret.suffix != ".pub":
                    assert secret.read_text().strip() not in environment
            listed = site.inside(host, "ls", "-A", f"/etc/aiops/secrets/{process}").split()
            assert ("plan_signing_key" in listed) == (process == "incidents")
            assert ("repair_key" in listed) == (process == "remediation")
            assert ("probe_key" in listed) == (process == "detect")
            user = site.inside(host, "systemctl", "show", "--value", "--property=User", f"aiops-{process}").strip()
            denied = site.inside(host, "runuser", "-u", user, "--", "sh", "-c", "cat /etc/aiops/secrets/*/* 2>&1; true")
            assert "denied" in denied


def test_the_units_are_shut_in(site: Site, say: Callable[[str], None]) -> None:
    for host, (processes, servers) in site.spread.items():
        for name in (*processes, *servers):
            told = site.inside(host, "systemd-analyze", "security", "--no-pager", f"aiops-{name}.service")
            (line,) = [line for line in told.splitlines() if "Overall exposure level" in line]
            exposure = float(line.split(":")[1].split()[0])
            say(f"systemd-analyze security aiops-{name}: {exposure}")
            assert exposure <= EXPOSED_AT_MOST, told


def marks(site: Site) -> int:
    """How often the old guardian has run."""
    return len(site.inside(site.target, "cat", OLD_MARKS, check=False).splitlines())


def would_clean(site: Site) -> list[Any]:
    """What the disk guardian would have had done."""
    found = site.aiops("shadow")["would"]
    return [one for one in found if one["what"] == "done" and "clean_vzdump_orphans" in one["text"]]


def test_beside_an_old_system_nothing_is_said_and_nothing_is_repaired(site: Site, say: Callable[[str], None]) -> None:
    look = ("migrate", "check", site.target, "--login", "admin", "--identity", f"{site.folder}/admin", "--no-bot")
    found = site.controller(*look, code=1)
    assert {(one["doubles"], one["place"]) for one in found["doubles"]} == {
        ("disk", OLD_TIMER),
        ("health", "/etc/cron.d/guardian-health"),
    }
    assert found["unseen"] == []
    before = marks(site)

    lab("break", site.target, "vzdump-orphans", "--name", site.name)
    site.aiops("sweep", "disk", "--host", site.target, codes=(0, 1))
    would = until(lambda: would_clean(site), 120, "it is decided")

    assert "would have been run" in would[0]["text"]
    assert [one for one in site.aiops("shadow")["would"] if one["what"] == "said"]
    assert set(site.aiops("shadow")["guardians"].values()) == {"shadow"}
    site.aiops("plan", would[0]["incident"], codes=(3,))
    site.aiops("migrate", "take", "disk", codes=(3,))
    checks = {one["check"]: one["says"] for one in site.aiops("doctor", "--for", "operator", codes=(0, 1))}
    assert checks["shadow"].startswith("yes")
    acts = site.where("remediation")
    acting = json.loads(site.inside(acts, "/opt/aiops/current/bin/remediation", "settings", "--json"))
    assert acting["settings"]["floor"]["shadow"] is True
    until(lambda: marks(site) > before, 60, "the old guardian is still at work")
    say("in shadow: the fault was seen and decided on, nothing was said or repaired, the old guardian went on")


def test_one_guardian_is_taken_over_and_given_back(site: Site, say: Callable[[str], None]) -> None:
    site.set_shadow("untaken")
    site.play("deploy.yml")
    until(lambda: site.aiops("doctor", "--for", "operator", codes=(0, 1))[-1]["ok"], 120, "every process is back")
    site.inside(site.target, "systemctl", "disable", "--now", OLD_TIMER)
    stopped = marks(site)

    started = time.monotonic()
    site.aiops("migrate", "take", "disk", "--why", "its timer is off")
    live = site.aiops("shadow")["guardians"]
    assert [name for name, stands in live.items() if stands == "live"] == ["disk"]
    incident = would_clean(site)[0]["incident"]
    site.aiops("plan", incident)
    site.aiops("approve", incident)
    until(
        lambda: [one for one in site.aiops("incidents", "--state", "resolved", codes=(0, 1)) if one["id"] == incident],
        180,
        "the guardian that was taken over has repaired it",
    )
    took = time.monotonic() - started

    site.aiops("migrate", "give-back", "disk", "--why", "only tried")
    site.inside(site.target, "systemctl", "enable", "--now", OLD_TIMER)
    assert "live" not in site.aiops("shadow")["guardians"].values()
    until(lambda: marks(site) > stopped, 60, "the old guardian works again")
    say(
        f"one guardian: taken over, its fault repaired and closed after {took:.0f} s, given back; the old one works again"
    )


def test_a_fault_is_seen_repaired_and_closed_there_with_no_refused_command(
    site: Site, say: Callable[[str], None]
) -> None:
    broker = next(host for host, (_, servers) in site.spread.items() if "redis" in servers)
    # Redis tells who was refused to nobody: an account for this test alone, which also makes the log begin anew.
    site.inside(broker, "sh", "-c", "echo 'user auditor on nopass -@all +acl|log' >>/etc/aiops/redis.acl")
    site.inside(broker, "systemctl", "restart", "aiops-redis")
    until(lambda: site.aiops("doctor", "--for", "operator", codes=(0, 1))[-1]["ok"], 120, "every process is back")

    site.aiops("migrate", "take", "health")
    started = time.monotonic()
    lab("break", site.target, "dead-service", "--name", site.name)
    site.aiops("sweep", "health", "--host", site.target, codes=(0, 1))

    def ended() -> Any:
        found = site.aiops("incidents", "--host", site.target, "--state", "resolved", codes=(0, 1))
        return [one for one in found if "cron" in one["title"]]

    (incident,) = until(ended, 180, f"{site.target} is repaired")
    took = time.monotonic() - started
    assert site.inside(site.target, "systemctl", "is-active", "cron.service").strip() == "active"
    shown = json.dumps(site.aiops("show", incident["id"]))
    assert "restart_service" in shown

    lab("heal", site.target, "dead-service", "--name", site.name)

    log = site.inside(broker, "redis-cli", "--user", "auditor", "--pass", "-", "--no-auth-warning", "ACL", "LOG")
    assert log.strip() in ("", "(empty array)"), log
    say(f"fault to resolved on deployed containers: {took:.0f} s; ACL LOG is empty, Flower attached")


def test_an_upgrade_that_does_not_work_goes_back_by_itself(site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (broken / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, broken / name)
    worker = broken / "workers" / "detect.py"
    worker.write_text(worker.read_text().replace("from workers.draining import serve", "raise SystemExit(1)"))
    host = site.where("detect")
    works = site.inside(host, "readlink", "/opt/aiops/current").strip()

    done = site.play("deploy.yml", root=broken, check=False)

    assert done.returncode != 0
    assert f"back on {works}" in done.stdout
    assert site.inside(host, "readlink", "/opt/aiops/current").strip() == works
    until(
        lambda: site.inside(host, "systemctl", "is-active", "aiops-detect", check=False).strip() == "active",
        60,
        "it runs",
    )
    site.play("deploy.yml")
    until(lambda: site.aiops("doctor", "--for", "operator", codes=(0, 1))[-1]["ok"], 120, "every process is up")


def test_undeploying_leaves_the_ledgers_and_nothing_else(site: Site, before: dict[str, set[str]]) -> None:
    site.play("undeploy.yml")
    for host in site.spread:
        left = traces(site, host) - before[host]
        # What is in a file is ours to explain, unless a package has brought the whole file since.
        new = of_packages(site, host) - {one.split()[0] for one in before[host]}
        left = {one for one in left if one.split()[0] not in new}
        kept = {one for one in left if one.startswith("/var/lib/aiops")}
        assert not left - kept, f"{host}: {sorted(left - kept)}"
        assert all(Path(one).parts[4:5] in ((), ("incidents",), ("remediation",)) for one in kept), kept
        running = site.inside(host, "systemctl", "list-units", "--all", "--no-legend", "--plain", "aiops-*")
        assert running.strip() == ""
    ledger = site.inside(site.decides, "ls", "/var/lib/aiops/incidents")
    assert "incidents.sqlite" in ledger
    assert site.play("undeploy.yml").returncode == 0
