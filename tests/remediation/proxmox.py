"""pct, qm and vzdump for a lab host, as far as a playbook sees them: the documented exit codes, words, logs and archives.

Guests are containers: 150 sleeps and answers on 127.0.0.9:2222 once started, 151 runs, 152 cannot be backed up.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lab.enter import Inside

GUESTS = "/srv/guests"
SLEEPER = "/usr/local/sbin/lab-sleeper"
PROGRAMS = {
    "/usr/local/sbin/pct": """#!/bin/sh
set -eu
verb=$1 guest=$2
conf=/srv/guests/$guest
[ -d "$conf" ] || { echo "Configuration file 'nodes/lab/lxc/$guest.conf' does not exist" >&2; exit 2; }
case $verb in
    status) echo "status: $(cat "$conf/status")" ;;
    config)
        printf 'arch: amd64\\nhostname: guest%s\\n' "$guest"
        [ ! -s "$conf/lock" ] || echo "lock: $(cat "$conf/lock")"
        ;;
    start)
        [ ! -s "$conf/lock" ] || { echo "CT is locked ($(cat "$conf/lock"))" >&2; exit 255; }
        systemd-run --quiet --unit="lab-guest-$guest" /usr/local/sbin/lab-sleeper awake 127.0.0.9 2222
        echo running >"$conf/status"
        ;;
    shutdown)
        systemctl stop "lab-guest-$guest"
        echo stopped >"$conf/status"
        ;;
    *) exit 255 ;;
esac
""",
    "/usr/local/sbin/qm": """#!/bin/sh
echo "Configuration file 'nodes/lab/qemu-server/$2.conf' does not exist" >&2
exit 2
""",
    "/usr/local/sbin/vzdump": """#!/bin/sh
set -eu
guest=$1
log=/var/log/vzdump/lxc-$guest.log
mkdir -p /var/log/vzdump /var/lib/vz/dump
say() { echo "$(date '+%F %T') $*" >>"$log"; }
: >"$log"
say "INFO: Starting Backup of VM $guest (lxc)"
if [ "$guest" = 152 ]; then
    say "ERROR: Backup of VM $guest failed - got timeout"
    echo "ERROR: Backup of VM $guest failed - got timeout" >&2
    echo "job errors" >&2
    exit 255
fi
archive=/var/lib/vz/dump/vzdump-lxc-$guest-$(date +%Y_%m_%d-%H_%M_%S).tar.zst
say "INFO: creating vzdump archive '$archive'"
echo data >"$archive"
say "INFO: archive file size: 0MB"
say "INFO: Finished Backup of VM $guest (00:00:01)"
""",
    SLEEPER: """#!/usr/bin/python3
import socket, sys
word, address, port = sys.argv[1:]
if word != "awake":
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("", 9))
    while ear.recv(200) != b"\\xff" * 6 + bytes.fromhex(word.replace(":", "")) * 16:
        pass
with socket.create_server((address, int(port))) as server:
    while True:
        one, _ = server.accept()
        one.sendall(b"SSH-2.0-lab\\r\\n")
        one.close()
""",
}


def install(host: Inside) -> None:
    for path, text in PROGRAMS.items():
        host.write(path, text)
        host.run("chmod", "755", path)
    host.run("mkdir", "-p", "/var/log/vzdump", "/var/lib/vz/dump")
    for guest, state in ((150, "stopped"), (151, "running"), (152, "running")):
        host.run("mkdir", "-p", f"{GUESTS}/{guest}")
        host.write(f"{GUESTS}/{guest}/status", f"{state}\n")


def remove(host: Inside) -> None:
    host.run("systemctl", "stop", "lab-guest-150", check=False)
    host.run("rm", "-rf", *PROGRAMS, GUESTS, "/var/log/vzdump", "/var/lib/vz/dump")


def status(host: Inside, guest: int) -> str:
    return host.read(f"{GUESTS}/{guest}/status").strip()


def lock(host: Inside, guest: int, why: str) -> None:
    host.write(f"{GUESTS}/{guest}/lock", why)


def failed(host: Inside, guest: int, why: str) -> None:
    """The log of a backup that failed."""
    lines = (f"INFO: Starting Backup of VM {guest} (lxc)", f"ERROR: Backup of VM {guest} failed - {why}")
    host.write(f"/var/log/vzdump/lxc-{guest}.log", "".join(f"2026-11-23 00:08:01 {line}\n" for line in lines))


def archives(host: Inside, guest: int) -> list[str]:
    return host.run("find", "/var/lib/vz/dump", "-name", f"vzdump-lxc-{guest}-*").out.split()


@contextmanager
def at_work(host: Inside, *words: str) -> Iterator[None]:
    """A vzdump that runs, seen as ps shows Proxmox's own: a Perl program with its words behind it."""
    name = f"/usr/bin/perl -T /usr/bin/vzdump {' '.join(words)}"
    unit = ("systemd-run", "--quiet", "--unit=lab-at-work")
    host.run(*unit, "bash", "-c", 'exec -a "$0" sleep 300', name)
    try:
        yield
    finally:
        host.run("systemctl", "stop", "lab-at-work", check=False)
