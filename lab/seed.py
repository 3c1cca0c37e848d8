"""What makes a host out of the base: accounts and the lab's CA once per lab, an identity of its own per host."""

import secrets
from pathlib import Path

from lab.errors import CommandError, LabError
from lab.model import GATEWAY, Account, Host, Spec
from lab.recipe import chroot
from lab.run import run

AUTHORITY = Path("etc/ssl/lab/ca.pem")
HOST_KEY = Path("etc/ssh/ssh_host_ed25519_key")


def common(root: Path, spec: Spec) -> None:
    """Put into `root` what all hosts of a lab share. Raises LabError when a sudoers file is not valid."""
    names = "".join(f"{host.inner_address} {host.name}\n" for host in spec.hosts)
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{GATEWAY} gateway\n{names}", encoding="ascii")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("# no name server: nothing in the lab leaves the machine\n", encoding="ascii")
    chroot(root, "/usr/local/sbin/lab-certificate", "0", "ca")
    for account in spec.accounts:
        _account(root, account)


def _account(root: Path, account: Account) -> None:
    # "*" is a password no input matches; "!" would be a locked account, which sshd refuses without PAM.
    chroot(root, "useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", account.user)
    ssh = root / "home" / account.user / ".ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "authorized_keys").write_text(account.public_key + "\n", encoding="utf-8")
    (ssh / "authorized_keys").chmod(0o600)
    chroot(root, "chown", "-R", f"{account.user}:{account.user}", f"/home/{account.user}/.ssh")
    if account.sudoers:
        _sudoers(root, account)


def _sudoers(root: Path, account: Account) -> None:
    candidate = root / "etc" / f"sudoers.{account.user}.new"
    candidate.write_text(account.sudoers, encoding="utf-8")
    candidate.chmod(0o440)
    try:
        chroot(root, "visudo", "--check", "--strict", f"--file=/etc/{candidate.name}")
    except CommandError as error:
        raise LabError(
            f"the sudoers file of account {account.user} is refused by visudo: {error.said.strip()}"
        ) from error
    candidate.rename(root / "etc/sudoers.d" / f"lab-{account.user}")


def identity(root: Path, host: Host) -> None:
    """Give the host in `root` its name, machine id, ssh host key and TLS certificate."""
    (root / "etc/hostname").write_text(f"{host.name}\n", encoding="ascii")
    (root / "etc/machine-id").write_text(f"{secrets.token_hex(16)}\n", encoding="ascii")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", str(root / HOST_KEY))
    chroot(root, "/usr/local/sbin/lab-certificate", "90", host.name)


def public_host_key(root: Path) -> str:
    """The host's public key, type and base64, read from its file system and not from the network."""
    kind, key, *_ = (root / f"{HOST_KEY}.pub").read_text(encoding="ascii").split()
    return f"{kind} {key}"
