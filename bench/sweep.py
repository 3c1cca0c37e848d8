"""A sweep of 60 hosts with 8 checks through the whole Celery path, against Ansible, fabric and a bare script.

All do the same work: the eight read-only commands of the guardians ``disk``, ``audit-dpkg-rc`` and ``config-backup``.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiops import bootstrap, detectors
from aiops.probes import AnyProbe
from aiops.probes.script import assemble
from aiops.settings import load_settings
from bench.hosts import PORT, Fleet

GUARDIANS = ["disk", "audit-dpkg-rc", "config-backup"]


def probes() -> tuple[AnyProbe, ...]:
    """The checks: each command once, as the guardians declare them."""
    known = detectors.load()
    return tuple(dict.fromkeys(probe for name in GUARDIANS for probe in known[name].probes))


def commands() -> list[tuple[str, ...]]:
    """Their argv, for those who run them one by one."""
    return [probe.argv for probe in probes()]


def ansible_playbook(made: Fleet) -> Callable[[], None]:
    """The idiomatic Ansible: one task per check, twenty forks, pipelining."""
    tasks = "\n".join(
        f"    - ansible.builtin.command:\n        argv: {list(argv)!r}\n      changed_when: false"
        for argv in commands()
    )
    play = made.folder / "bench.yml"
    play.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}\n")
    return lambda: _ansible(made, "ansible-playbook", str(play))


def ansible_script(made: Fleet) -> Callable[[], None]:
    """Ansible at its best: all checks in one script."""
    script = made.folder / "bench.sh"
    script.write_text("#!/bin/sh\n" + assemble(probes(), "x" * 16).text)
    return lambda: _ansible(made, "ansible", "all", "-m", "ansible.builtin.script", "-a", str(script))


def fabric_group(made: Fleet) -> Callable[[], None]:
    """Fabric's own way: a thread per host, a fresh connection, eight runs."""
    from fabric import ThreadingGroup  # noqa: PLC0415
    from paramiko import RejectPolicy  # noqa: PLC0415

    lines = [" ".join(f"'{word}'" if not word.isalnum() else word for word in argv) for argv in commands()]

    def run() -> None:
        group = ThreadingGroup(
            *made.addresses, user=made.user, port=PORT, connect_kwargs={"key_filename": str(made.key)}
        )
        for connection in group:
            connection.client.set_missing_host_key_policy(RejectPolicy())
            connection.client.load_host_keys(str(made.known_hosts))
        for line in lines:
            group.run(line, hide=True, warn=True)
        group.close()

    return run


def bare_script(made: Fleet) -> Callable[[], None]:
    """The floor: the same script over the same kept connections, with no Celery, no findings, no ledger."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    from aiops.adapters.inventory import AnsibleInventory  # noqa: PLC0415
    from aiops.adapters.ssh import FabricShell  # noqa: PLC0415

    shell = FabricShell(made.user, made.key, made.known_hosts)
    hosts = list(AnsibleInventory(made.inventory).hosts())
    text = assemble(probes()).text
    pool = ThreadPoolExecutor(max_workers=len(hosts))

    def run() -> None:
        list(pool.map(lambda host: shell.run(host, text, 60), hosts))

    return run


@contextmanager
def through_celery(made: Fleet) -> Iterator[Callable[[], None]]:
    """Patrol -> detect -> correlate, with real workers, until the ledger has the sweep."""
    from tasks.local import Local, running  # noqa: PLC0415

    extra = f"""
[fleet]
inventory = "{made.inventory}"

[ssh]
user = "{made.user}"
key_file = "{made.key}"
known_hosts = "{made.known_hosts}"
threads = 60
shard_size = 60
"""
    local = Local(made.folder / "system", extra=extra, only=("detect", "incidents"))
    with running(local):
        os.environ["AIOPS_CONFIG"] = str(local.config)
        from tasks.pipeline import patrol  # noqa: PLC0415

        ledger = bootstrap.incidents(load_settings()).ledger

        def run() -> None:
            sweep = patrol.delay(GUARDIANS, started_by="bench").id
            deadline = time.monotonic() + 120
            while not ledger.sweep(sweep):
                if time.monotonic() > deadline:
                    raise TimeoutError(sweep)
                threading.Event().wait(0.025)  # looking costs time that the other ways do not spend

        yield run


def _ansible(made: Fleet, program: str, *words: str) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(made.folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_FORKS": "20",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_SSH_ARGS": f"-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={made.known_hosts} -o IdentitiesOnly=yes",
    }
    command = [program, "-i", str(made.inventory), "-u", made.user, "--private-key", str(made.key), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 2):  # 2: a check failed on a host, as dpkg's history does where there is none
        raise RuntimeError(done.stdout[-500:] + done.stderr[-500:])
