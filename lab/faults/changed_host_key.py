"""sshd has another host key than the one everybody knows: reinstalled, or somebody in between."""

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

KEY = "/etc/ssh/ssh_host_ed25519_key"
KEPT = "/var/lib/lab-original-host-key"


def _inject(host: Inside) -> None:
    if not host.exists(KEPT):
        host.run("cp", "--preserve", KEY, KEPT)
        host.run("cp", "--preserve", f"{KEY}.pub", f"{KEPT}.pub")
    host.remove(KEY)
    host.remove(f"{KEY}.pub")
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
    host.run("systemctl", "restart", "ssh.service")


def _look(host: Inside) -> Look:
    if not host.exists(KEPT) or _public(host, KEY) == _public(host, KEPT):
        return absent("sshd has the key it was born with")
    return present("sshd has another key than the one it was born with")


def _heal(host: Inside) -> None:
    if host.exists(KEPT):
        host.run("mv", KEPT, KEY)
        host.run("mv", f"{KEPT}.pub", f"{KEY}.pub")
        host.run("systemctl", "restart", "ssh.service")


def _public(host: Inside, key: str) -> list[str]:
    return host.read(f"{key}.pub").split()[:2]


FAULT = Fault("changed-host-key", "sshd presents another host key than the known one", _inject, _look, _heal)
