"""security: what makes a host easy to take over.

Looks for
    An sshd that lets root in with a password, or anybody with a password. A second account with the rights of root; an
    account that needs no password. Programs with the owner's rights that no package brought. Changed keys of root and changed
    sudo rules. Sockets that are not on the host's list.

Thresholds
    ``changed_hours`` 25: the daily look and an hour, so that no change falls between two looks.
    ``allowed_suid``: shell patterns of files that may have the owner's rights without a package.
    ``allowed_root_accounts``: accounts besides root that may have user id 0.
    ``allowed_listeners``: ``tcp/22`` and the like; while it is empty, sockets are shown and not judged.
    ``known_sums``: SHA-256 sums of root's authorized_keys as they should be; while it is empty, only changes count.

Looks alike but is benign
    ``permitrootlogin without-password``, which is the older name of prohibit-password: keys only. Files as old as the host
    itself (within a day of its first start). Sockets on the loopback address. X11 forwarding, Debian's default, is an
    info. A file that Debian 12 knows under its name before /usr was merged. Accounts without a password that are locked.
    Who tries to log in, and who got in, is ``soc``'s matter.
"""

from collections.abc import Iterator, Mapping

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes.accounts import ACCOUNTS, BORN, KEY_FILES, KEY_SUMS, PASSWORDS
from aiops.probes.clock import CLOCK
from aiops.probes.listeners import LISTENERS, Listener
from aiops.probes.sshd import SSHD
from aiops.probes.suid import SUID, Suid

DETECTOR = Detector(
    "security",
    "Hosts that are easy to take over",
    kinds=[
        Kind(name="security.ssh_root_login", sentence="root may log in with a password"),
        Kind(name="security.ssh_empty_password", sentence="accounts without a password may log in"),
        Kind(name="security.ssh_password", sentence="sshd accepts passwords"),
        Kind(name="security.ssh_forwarding", sentence="sshd forwards X11"),
        Kind(name="security.root_account", sentence="another account has the rights of root"),
        Kind(name="security.no_password", sentence="an account needs no password"),
        Kind(name="security.suid", sentence="a program has its owner's rights and belongs to no package"),
        Kind(
            name="security.keys_changed",
            sentence="root's keys or the rules of sudo were changed",
            persistence="occurrence",
        ),
        Kind(name="security.keys_unknown", sentence="root's keys are not those that are known"),
        Kind(name="security.listener", sentence="a socket is open that is not on the list"),
    ],
    thresholds={
        "changed_hours": 25,
        "allowed_suid": [],
        "allowed_root_accounts": [],
        "allowed_listeners": [],
        "known_sums": [],
    },
)

_HOUR = 3600
_DAY = 24 * _HOUR

_RULES = (
    ("security.ssh_root_login", "permitrootlogin", "yes", Severity.CRITICAL, "root may log in with a password"),
    ("security.ssh_empty_password", "permitemptypasswords", "yes", Severity.CRITICAL, "an empty password is enough"),
    ("security.ssh_password", "passwordauthentication", "yes", Severity.WARNING, "sshd accepts passwords"),
    ("security.ssh_forwarding", "x11forwarding", "yes", Severity.INFO, "sshd forwards X11"),
)


@DETECTOR.check(SSHD, kinds=[rule[0] for rule in _RULES])
def sshd(host: Subject, configuration: Mapping[str, str] | None) -> Iterator[Finding]:
    """What sshd would let in."""
    for kind, key, bad, severity, summary in _RULES:
        if configuration and configuration.get(key, "").lower() == bad:
            yield host.finding(kind, "sshd", severity, f"{summary} ({key} {bad})", cause="sshd", keyword=key, value=bad)


@DETECTOR.check(ACCOUNTS, kinds=["security.root_account"])
def root_accounts(host: Subject, accounts: Mapping[str, int]) -> Iterator[Finding]:
    """Whoever else is root."""
    for name, uid in accounts.items():
        if uid == 0 and name != "root" and not host.matches(name, "allowed_root_accounts"):
            summary = f"the account {name} has user id 0, which is root's"
            yield host.finding(
                "security.root_account", name, Severity.CRITICAL, summary, cause=f"account:{name}", account=name
            )


@DETECTOR.check(PASSWORDS, kinds=["security.no_password"])
def passwords(host: Subject, status: Mapping[str, str]) -> Iterator[Finding]:
    """Accounts that let anybody in."""
    for name, state in status.items():
        if state == "NP":
            summary = f"the account {name} needs no password"
            yield host.finding(
                "security.no_password", name, Severity.CRITICAL, summary, cause=f"account:{name}", account=name
            )


@DETECTOR.check(SUID, kinds=["security.suid"])
def suid(host: Subject, files: tuple[Suid, ...]) -> Iterator[Finding]:
    """The classical back door."""
    for file in files:
        if not file.package and not host.matches(file.path, "allowed_suid"):
            summary = f"{file.path} has its owner's rights and belongs to no package"
            yield host.finding(
                "security.suid", file.path, Severity.CRITICAL, summary, cause=f"file:{file.path}", path=file.path
            )


@DETECTOR.check(KEY_FILES, CLOCK, kinds=["security.keys_changed"])
def keys_changed(host: Subject, changes: Mapping[str, int], now: int) -> Iterator[Finding]:
    """Changed since the look before, long after the host was made."""
    for path, at in changes.items():
        if path != BORN and now - at < host.settings["changed_hours"] * _HOUR and at - changes[BORN] > _DAY:
            summary = f"{path} was changed {(now - at) / _HOUR:.1f} hours ago"
            yield host.finding(
                "security.keys_changed",
                path,
                Severity.WARNING,
                summary,
                cause=f"file:{path}",
                cursor=str(at),
                path=path,
                changed_at=at,
            )


@DETECTOR.check(KEY_SUMS, kinds=["security.keys_unknown"])
def keys_unknown(host: Subject, sums: Mapping[str, str]) -> Iterator[Finding]:
    """Where the operator has said which keys are right."""
    for path, found in sums.items():
        if path.startswith("/root/") and host.settings["known_sums"] and found not in host.settings["known_sums"]:
            summary = f"{path} is not as it is known"
            yield host.finding(
                "security.keys_unknown", path, Severity.CRITICAL, summary, cause=f"file:{path}", path=path, sha256=found
            )


@DETECTOR.check(LISTENERS, kinds=["security.listener"])
def listeners(host: Subject, sockets: tuple[Listener, ...]) -> Iterator[Finding]:
    """Where the operator has said what may listen."""
    if not host.settings["allowed_listeners"]:
        return
    for label in sorted({socket.label for socket in sockets if socket.reachable}):
        if not host.matches(label, "allowed_listeners"):
            where = sorted({socket.address for socket in sockets if socket.label == label})
            yield host.finding(
                "security.listener",
                label,
                Severity.WARNING,
                f"{label} is open and not on the list",
                cause=f"port:{label}",
                addresses=where,
            )


@DETECTOR.show(LISTENERS)
def figures(sockets: tuple[Listener, ...]) -> dict[str, str]:
    """What other machines can reach."""
    return {"listens": ", ".join(sorted({socket.label for socket in sockets if socket.reachable})) or "nowhere"}
