"""soc: attacks while they happen, and logs that flood or fall silent.

Looks for
    Many refused logins from one source, at sshd, Proxmox or a service's own page. A login that was let in after many
    refusals, or with a password from outside. Far more errors of one program than is usual at this hour. A journal
    that nobody writes to. A log shipper that is active and ships nothing. Traces of a break-in in auditd's log.

Thresholds
    ``attempts`` 5 in ``minutes`` 10: fail2ban's jail.conf. ``slow_attempts`` 10 in an hour: crowdsec's ssh-slow-bf is
    stricter, and an hour is what one look knows.
    ``broken_handshakes`` 4 in the same time: connections that never came to a login, as crowdsec's ssh-timeout counts.
    ``spike_score`` 8 in two of three bins of five minutes, ``spike_sure`` 16 in one, ``spike_lines`` 10 at least and
    ``spike_times`` 3 times the median: measured on real logs with no false episode a day on quiet ones.
    ``cold_hours`` 6, ``cold_lines`` 30: what counts while less than that is known.
    ``silence_minutes`` 15: our own logins write more often. ``shipper_errors`` 10 within its last 20 minutes.
    ``own_sources``: shell patterns of scanners and of whatever logs in for us. ``password_sources``: from where a
    password is fine.
    ``ignore_tags``: shell patterns of programs that may flood; what systemd says about a unit is ``health``'s matter.

Looks alike but is benign
    One attempt that sshd tells of in three lines: the most frequent wording counts, not the sum. ``message repeated N times`` is
    N. A renewed token (own_sources). One mistyped password. Somebody else's key from an address that also guesses: many share an
    address, and a key is not guessed. Errors while a backup or an upgrade is at work: then the look says that it could not
    judge. A host that has just started: nothing is usual yet. Sources written as ::ffff:a.b.c.d.
    Errors of a shipper's earlier process, once the present one has spoken.
"""

import ipaddress
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.spike import BIN, Rule, spike
from aiops.probes import UnreadableError
from aiops.probes.audit import AUDITED, Audited
from aiops.probes.clock import CLOCK
from aiops.probes.journal import ERRORS, LAST_LINE, SHIPPERS, UPTIME
from aiops.probes.log_lines import Line
from aiops.probes.logins import LOGINS, Login
from aiops.probes.processes import PROCESSES

DETECTOR = Detector(
    "soc",
    "Attacks, floods and silence",
    kinds=[
        Kind(name="soc.brute_force", sentence="one source guesses passwords"),
        Kind(
            name="soc.accepted_after_failures",
            sentence="a source that guessed passwords was let in",
            persistence="occurrence",
        ),
        Kind(name="soc.accepted_password", sentence="a password let somebody in", persistence="occurrence"),
        Kind(name="soc.log_spike", sentence="a program logs far more errors than usual", shared=True),
        Kind(name="soc.log_silence", sentence="nobody writes to the journal any more"),
        Kind(name="soc.shipper_failing", sentence="a log shipper ships nothing", shared=True),
        Kind(name="soc.post_exploit", sentence="auditd saw what a break-in looks like", persistence="occurrence"),
    ],
    thresholds={
        "attempts": 5,
        "minutes": 10,
        "slow_attempts": 10,
        "broken_handshakes": 4,
        "spike_score": 8,
        "spike_sure": 16,
        "spike_lines": 10,
        "spike_times": 3,
        "cold_hours": 6,
        "cold_lines": 30,
        "silence_minutes": 15,
        "shipper_errors": 10,
        "own_sources": [],
        "password_sources": [],
        "ignore_tags": ["systemd"],
    },
)

_MINUTE = 60
_HOUR = 3600


def _attempts(refused: Sequence[Login], seconds: float) -> int:
    """The most attempts in any stretch of that length; of the lines about one attempt, those of one wording count."""
    most = 0
    for wording in {login.wording for login in refused}:
        same = sorted((login for login in refused if login.wording == wording), key=lambda login: login.at)
        first, inside = 0, 0
        for last in same:
            inside += last.times
            while last.at - same[first].at > seconds:
                inside -= same[first].times
                first += 1
            most = max(most, inside)
    return most


_BROKEN = frozenset({"timeout", "broken", "magic"})
"""Wordings of connections that never came to a login: clients that are none."""


def _forcing(host: Subject, refused: Sequence[Login]) -> int:
    """The number of attempts if they are too many, else 0."""
    fast = _attempts(refused, host.settings["minutes"] * _MINUTE)
    broken = _attempts([one for one in refused if one.wording in _BROKEN], host.settings["minutes"] * _MINUTE)
    if broken >= host.settings["broken_handshakes"]:
        return max(fast, broken)
    slow = _attempts(refused, _HOUR)
    return max(fast, slow) if fast >= host.settings["attempts"] or slow >= host.settings["slow_attempts"] else 0


@DETECTOR.check(LOGINS, kinds=["soc.brute_force", "soc.accepted_after_failures", "soc.accepted_password"])
def logins(host: Subject, attempts: tuple[Login, ...]) -> Iterator[Finding]:
    """Per source: who knocks, and who was let in."""
    refused: dict[str, list[Login]] = defaultdict(list)
    for login in attempts:
        if not login.accepted and not host.matches(login.source, "own_sources"):
            refused[login.source].append(login)
    for source, those in refused.items():
        if count := _forcing(host, those):
            yield _brute_force(host, source, those, count)
    for login in attempts:
        if login.accepted and not host.matches(login.source, "own_sources"):
            before = [one for one in refused.get(login.source, ()) if login.at - _HOUR <= one.at <= login.at]
            yield from _accepted(host, login, before)


def _brute_force(host: Subject, source: str, refused: Sequence[Login], count: int) -> Finding:
    users = Counter(login.user for login in refused if login.user)
    return host.finding(
        "soc.brute_force",
        source,
        Severity.WARNING,
        f"{source} was refused {count} times",
        cause=f"source:{source}",
        source=source,
        attempts=count,
        users=[name for name, _ in users.most_common(10)],
        wordings=sorted({login.wording for login in refused}),
        last_at=max(login.at for login in refused),
    )


def _accepted(host: Subject, login: Login, before: Sequence[Login]) -> Iterator[Finding]:
    who = f"{login.user}@{login.source}"
    count = _forcing(host, before)
    if count and (login.with_password or login.user in {one.user for one in before}):
        yield host.finding(
            "soc.accepted_after_failures",
            who,
            Severity.CRITICAL,
            f"{login.source} was let in as {login.user} after {count} refusals",
            cause=f"source:{login.source}",
            cursor=f"{login.at:.0f}",
            source=login.source,
            user=login.user,
            method=login.wording,
            attempts=count,
        )
    if login.with_password and not host.matches(login.source, "password_sources"):
        outside = _outside(login.source)
        yield host.finding(
            "soc.accepted_password",
            who,
            Severity.CRITICAL if outside or count else Severity.WARNING,
            f"{login.user} was let in with a password from {login.source}",
            cause=f"source:{login.source}",
            cursor=f"{login.at:.0f}",
            source=login.source,
            user=login.user,
            outside=outside,
        )


def _outside(source: str) -> bool:
    try:
        return ipaddress.ip_address(source).is_global
    except ValueError:
        return True  # a name instead of an address: nobody knows where that is


_LIMIT = 20000
_BUSY = re.compile(r"(\S*/)?(apt|apt-get|dpkg|unattended-upgrade|vzdump)( .*)?|task UPID:.*:vzdump:.*")


@DETECTOR.check(ERRORS, UPTIME, PROCESSES, CLOCK, kinds=["soc.log_spike"])
def spikes(
    host: Subject, lines: tuple[Line, ...], uptime: float, processes: Mapping[int, str], now: int
) -> Iterator[Finding]:
    """Errors per program in five minutes, against the day before and the same hour of the week before."""
    oldest = max((now - line.at for line in lines), default=0.0)
    known = int((oldest if len(lines) >= _LIMIT else max(oldest, uptime)) // BIN)
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for line in lines:
        if line.tag and now >= line.at:
            counts[line.tag][int((now - line.at) // BIN)] += 1
    limits = host.settings
    rule = Rule(
        high=limits["spike_score"],
        sure=limits["spike_sure"],
        least=limits["spike_lines"],
        times=limits["spike_times"],
        cold_hours=limits["cold_hours"],
        cold_least=limits["cold_lines"],
    )
    found = []
    for tag, by_age in sorted(counts.items()):
        seen = spike(by_age, known, rule) or spike(by_age, known, rule, at=1)
        if seen and not host.matches(tag, "ignore_tags"):
            recent = Counter(_template(line.text) for line in lines if line.tag == tag and now - line.at < 2 * BIN)
            template, _ = recent.most_common(1)[0] if recent else ("", 0)
            found.append(
                host.finding(
                    "soc.log_spike",
                    tag,
                    Severity.WARNING,
                    f"{tag} logged {seen.lines} errors in five minutes; {seen.usual:g} are usual",
                    cause=f"logs:{tag}",
                    tag=tag,
                    lines=seen.lines,
                    usual=seen.usual,
                    score=seen.score,
                    template=template,
                    templates=len(recent),
                )
            )
    if found and any(_BUSY.fullmatch(arguments) for arguments in processes.values()):
        raise UnreadableError("a backup or an upgrade is at work, so many errors say little", "look again afterwards")
    yield from found


def _template(text: str, most: int = 200) -> str:
    """The line without what varies: figures and hexadecimal words."""
    return re.sub(r"\b(?:0x)?[0-9a-f]*\d[0-9a-f]*\b", "*", text)[:most]


@DETECTOR.check(LAST_LINE, CLOCK, kinds=["soc.log_silence"])
def silence(host: Subject, last: Line, now: int) -> Iterator[Finding]:
    """Our own look has just logged in: if that is not in the journal, nothing is."""
    minutes = (now - last.at) / _MINUTE
    if minutes > host.settings["silence_minutes"]:
        yield host.finding(
            "soc.log_silence",
            "journal",
            Severity.CRITICAL,
            f"the newest line of the journal is {minutes:.0f} minutes old",
            cause="logs:journal",
            minutes=round(minutes, 1),
            last_line=f"{last.tag}: {last.text[:200]}",
        )


_FAILING = re.compile(
    r"level=(?:error|warn)\b.*(?:error sending|final error|failed to (?:tail|create)|no address or path|unrendered template)"
    r"|\[error\] *\[(?:output|input|engine)|(?:cannot connect|suspended|failed to connect|server .* unavailable)",
    re.IGNORECASE,
)


@DETECTOR.check(SHIPPERS, CLOCK, kinds=["soc.shipper_failing"])
def shippers(host: Subject, lines: tuple[Line, ...], now: int) -> Iterator[Finding]:
    """What log shippers complain of: an active one may ship nothing for weeks."""
    failing: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if _FAILING.search(line.text):
            failing[line.tag].append(line)
    newest = {line.tag: line.pid for line in lines}
    for tag, found in sorted(failing.items()):
        # A process that was replaced says nothing of the one that runs: a repair is seen at once, not twenty minutes later.
        those = [line for line in found if line.pid in ("", newest[tag])]
        if len(those) >= host.settings["shipper_errors"] and now - those[-1].at < BIN:
            yield host.finding(
                "soc.shipper_failing",
                tag,
                Severity.CRITICAL,
                f"{tag} is running and ships nothing: {len(those)} errors in twenty minutes",
                cause=f"shipper:{tag}",
                tag=tag,
                lines=len(those),
                template=_template(those[-1].text),
            )


_RIGHTS = ("su", "sudo", "pkexec", "mount", "umount", "passwd", "chsh", "chfn", "newgrp", "gpasswd", "ping", "at")
_FETCH = frozenset({"wget", "curl", "fetch", "scp", "ftp"})
_MANY_DELETIONS, _DELETIONS_SECONDS, _CHAIN_SECONDS = 10, 10, 60


@DETECTOR.check(AUDITED, CLOCK, kinds=["soc.post_exploit"])
def audited(host: Subject, records: tuple[Audited, ...], now: int) -> Iterator[Finding]:
    """Three traces of the last hour: a crash of a program with root's rights, fetched and run, deleted in a row."""
    mine = [record for record in records if record.by_a_login and now - record.at < _HOUR]
    privileged = {record["name"] for record in records if record.type == "PATH" and record["mode"].startswith("0104")}
    for record in mine:
        if record.type == "ANOM_ABEND" and (record["exe"] in privileged or record["comm"] in _RIGHTS):
            yield _trace(
                host, record, "suid_crash", f"{record['exe']} has root's rights and crashed (signal {record['sig']})"
            )
    by_shell: dict[str, list[Audited]] = defaultdict(list)
    for record in mine:
        if record.type == "SYSCALL" and record["success"] == "yes":
            by_shell[record["ppid"]].append(record)
    for run in by_shell.values():
        yield from _fetched_and_run(host, run)
        yield from _deleted(host, run)


def _fetched_and_run(host: Subject, run: Sequence[Audited]) -> Iterator[Finding]:
    fetched = next((record for record in run if record["comm"] in _FETCH), None)
    if not fetched:
        return
    later = [record for record in run if 0 <= record.at - fetched.at <= _CHAIN_SECONDS]
    made_executable = next((number for number, record in enumerate(later) if record["comm"] == "chmod"), None)
    if made_executable is not None and made_executable + 1 < len(later):
        started = later[made_executable + 1]
        yield _trace(host, started, "fetched_and_run", f"{started['exe']} was fetched, made executable and run")


def _deleted(host: Subject, run: Sequence[Audited]) -> Iterator[Finding]:
    times = [record.at for record in run if record["comm"] in {"rm", "shred", "unlink"}]
    for first, last in zip(times, times[_MANY_DELETIONS - 1 :], strict=False):
        if last - first <= _DELETIONS_SECONDS:
            yield _trace(
                host, run[-1], "deletions", f"{_MANY_DELETIONS} deletions in {last - first:.1f} s by one shell"
            )
            return


def _trace(host: Subject, record: Audited, what: str, summary: str) -> Finding:
    return host.finding(
        "soc.post_exploit",
        what,
        Severity.CRITICAL,
        summary,
        cause=f"login:{record['auid']}",
        cursor=f"{record.at:.3f}",
        program=record["exe"],
        login=record["auid"],
        terminal=record["tty"],
    )


@DETECTOR.show(LOGINS)
def figures(attempts: tuple[Login, ...]) -> dict[str, str]:
    """How much knocking there is."""
    refused = [login for login in attempts if not login.accepted]
    return {"logins": f"{len(refused)} refused, {len(attempts) - len(refused)} accepted in 70 minutes"}
