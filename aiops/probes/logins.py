"""Who tried to log in, who was refused and who got in, as sshd, Proxmox and the services with a login of their own say it."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aiops.probes import MIB, Probe
from aiops.probes.log_lines import Line, read_journal


@dataclass(frozen=True)
class Login:
    """One line about one attempt. ``wording`` tells apart the several lines that one attempt may leave."""

    at: float
    source: str
    user: str
    accepted: bool
    wording: str
    times: int = 1

    @property
    def with_password(self) -> bool:
        """Whether a password was what let it in."""
        return self.accepted and self.wording in {"password", "keyboard-interactive/pam"}


_FROM = r"from (?P<source>\S+)"
# A user name may hold ' from 10.0.0.1 port 22': the last address of the line is the true one, so names are greedy.
_SSHD = (
    ("failed", re.compile(rf"Failed \S+ for (?:(?:invalid|illegal) user )?(?P<user>.*) {_FROM}")),
    ("invalid", re.compile(rf"(?:Invalid|Illegal) user (?P<user>.*) ?{_FROM}")),
    ("pam", re.compile(rf"error: PAM: .* for (?:illegal user )?(?P<user>\S+) {_FROM}", re.IGNORECASE)),
    (
        "unix",
        re.compile(
            r"pam_\w+\(sshd:auth\): authentication failure;.* rhost=(?P<source>\S+)(?:\s+user=(?P<user>\S+))?",
        ),
    ),
    ("refused", re.compile(rf"User (?P<user>.*) {_FROM} not allowed because")),
    ("refused", re.compile(r"ROOT LOGIN REFUSED FROM (?P<source>\S+)")),
    ("limit", re.compile(rf"maximum authentication attempts exceeded for (?:invalid user )?(?P<user>.*) {_FROM}")),
    (
        "gone",
        re.compile(
            r"(?:Connection (?:closed|reset) by|Disconnected from) "
            r"(?:authenticating|invalid|\S+) user (?P<user>.*) (?P<source>\S+) port",
        ),
    ),
    ("negotiation", re.compile(r"Unable to negotiate with (?P<source>\S+) port")),
    ("timeout", re.compile(r"Timeout before authentication for (?:connection from )?(?P<source>\S+)")),
    (
        "broken",
        re.compile(r"ssh_dispatch_run_fatal: Connection from (?:\S+ user \S+ )?(?P<source>\S+) port"),
    ),
    ("magic", re.compile(r"Magic value check failed .* from (?P<source>\S+) port")),
    ("wrapper", re.compile(r"refused connect from .*\((?P<source>[^()\s]+)\)")),
)
_SERVICES = (
    ("proxmox", re.compile(r"authentication failure; rhost=(?P<source>\S+) user=(?P<user>\S+) msg=")),
    (
        "grafana",
        re.compile(r"(?:Invalid username or password|\[password-auth\.failed\]).*? remote_addr=(?P<source>\S+)"),
    ),
    ("gitea", re.compile(r"Failed authentication attempt for (?P<user>.*?) from (?P<source>\S+?)(?:: |$)")),
    ("immich", re.compile(r"Failed login attempt for user (?P<user>\S+) from ip address (?P<source>\S+)")),
    ("home-assistant", re.compile(r"request with invalid authentication from .*?\((?P<source>[0-9a-fA-F.:]+)\)")),
    (
        "authentik",
        re.compile(
            r'"action": ?"(?:login_failed|invalid_identifier|invalid_login)".*?"client_ip": ?"(?P<source>[^"]+)"'
        ),
    ),
    (
        "vaultwarden",
        re.compile(
            r"(?:password is incorrect|Invalid admin token|Invalid TOTP code).*? IP: (?P<source>[0-9a-fA-F.:]+)"
        ),
    ),
    ("gitlab", re.compile(r"Failed Login: username=(?P<user>.*?) ip=(?P<source>\S+)")),
    ("nginx", re.compile(r'user "(?P<user>[^"]*)"(?:: password mismatch| was not found).*client: (?P<source>[^,\s]+)')),
    ("nginx-pam", re.compile(r"PAM: user '(?P<user>[^']*)' - not authenticated.*client: (?P<source>[^,\s]+)")),
    ("basic", re.compile(r'^(?P<source>\S+) - (?P<user>\S+) \[[^\]]+\] "[A-Z]+ [^"]*" 401 ')),
    ("litellm", re.compile(r'INFO: +(?P<source>\S+) - "[A-Z]+ [^"]*" 401 ')),
)
_ACCEPTED = re.compile(rf"Accepted (?P<wording>\S+) for (?P<user>.*) {_FROM} port")
_REPEATED = re.compile(r"message repeated (?P<times>\d+) times: \[ ?(?P<text>.*)\]")


def read_logins(lines: tuple[Line, ...]) -> tuple[Login, ...]:
    """The lines that tell of an attempt."""
    return tuple(login for line in lines if (login := _login(line)))


def _login(line: Line) -> Login | None:
    text, times = line.text, 1
    if repeated := _REPEATED.match(text):
        text, times = repeated["text"], int(repeated["times"])
    if match := _ACCEPTED.match(text):
        return Login(line.at, _address(match["source"]), match["user"], accepted=True, wording=match["wording"])
    for wording, match in _refusals(text):
        source = _address(match["source"])
        if source:
            user = (match.groupdict().get("user") or "").strip()
            return Login(line.at, source, user, accepted=False, wording=wording, times=times)
    return None


def _refusals(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    for wording, pattern in (*_SSHD, *_SERVICES):
        if match := pattern.search(text):
            yield wording, match


_PORT = re.compile(r"(?P<address>\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f.:]+\]):\d+")


def _address(text: str) -> str:
    """One spelling for a source: no port, no brackets, no IPv4 in IPv6's clothes."""
    if match := _PORT.fullmatch(text):
        text = match["address"]
    text = text.strip("[],;")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


_TAGS = (
    *("sshd", "sshd-session", "sshd-auth", "pvedaemon", "pveproxy", "proxmox-backup-proxy", "proxmox-backup-api"),
    *(
        "grafana",
        "grafana-server",
        "gitea",
        "forgejo",
        "immich",
        "hass",
        "authentik",
        "vaultwarden",
        "nginx",
        "litellm",
    ),
)

# By tag and not by unit: Debian 13's sshd logs as sshd-session, and a service's own log lines keep its name.
LOGINS = Probe(
    name="logins",
    argv=(
        *("/usr/bin/journalctl", "-q", "--no-pager", "-o", "short-unix", "--since", "-70min", "-n", "20000"),
        *(word for tag in _TAGS for word in ("-t", tag)),
    ),
    read=lambda text: read_logins(read_journal(text)),
    sudo=True,
    limit=8 * MIB,
    remedy="the journal may be damaged: journalctl --verify",
)
