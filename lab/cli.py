"""The lab's command: `python -m lab up|down|list|leaks|exec|reap|faults|break|check|heal`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lab import base, cgroups, enter, faults, fleet, leaks, published, reaper, sources
from lab.errors import CannotLookError, LabError
from lab.model import LAST_BYTE, NAME, USER, Account, Host
from lab.run import require

PRESENT, BLIND, WRONG = 1, 2, 64  # exit statuses: the fault is there; could not look; used or set up wrongly
INTERRUPTED = 130  # as shells report it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the lab and return its exit status."""
    options = parser().parse_args(argv)
    try:
        status: int = options.run(options)
    except CannotLookError as error:
        _complain(str(error))
        return BLIND
    except (LabError, OSError) as error:  # the last boundary: a full disk or a missing file is no traceback either
        _complain(str(error))
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = argparse.ArgumentParser(prog="lab", description="Real Debian hosts on this machine, to be broken and healed.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--json", action="store_true", help="answer in JSON")
        made.set_defaults(run=run)
        return made

    start = command("up", _up, "start a lab, or say that it runs; builds the base first when there is none")
    start.add_argument("--hosts", default="3", help="how many (ct201, ct202 ...), or their names with commas")
    start.add_argument("--name", default="demo")
    start.add_argument("--release", default="bookworm", choices=sources.RELEASES)
    start.add_argument("--dir", type=Path, help="where inventory.yml, known_hosts and lab.json go")
    start.add_argument("--account", action="append", default=[], metavar="USER:PUBKEYFILE[:SUDOERSFILE]")
    start.add_argument("--role", action="append", default=[], metavar="HOST=ROLE", help="`wazuh` installs the manager")
    start.add_argument("--die-with", type=int, metavar="PID", help="take the lab down when this process ends")

    stop = command("down", _down, "take a lab down, whatever state it is in")
    which = stop.add_mutually_exclusive_group()
    which.add_argument("--name", default="demo")
    which.add_argument("--all", action="store_true")

    command("list", _list, "the labs and their hosts")
    command("leaks", _leaks, "what is left of labs that are gone: nothing, and exit status 0, when all is well")

    inside = command("exec", _exec, "run a command in a host, through its namespaces")
    inside.add_argument("--name")
    inside.add_argument("host")
    inside.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- ARGV")

    command("faults", _faults, "what can be broken")
    for name, run, text in (
        ("break", _break, "break a host; says when it was broken"),
        ("check", _check, "ask the oracle: exit status 0 absent, 1 present, 2 could not look"),
        ("heal", _heal, "make a host healthy again, whatever was done to it"),
    ):
        one = command(name, run, text)
        one.add_argument("--name", help="the lab, when several have a host of that name")
        one.add_argument("host")
        one.add_argument("fault")

    reap = command("reap", _reap, "wait for a process to end, then take a lab down")
    reap.add_argument("--name", required=True)
    reap.add_argument("--pid", type=int, required=True)
    return top


def _up(options: argparse.Namespace) -> int:
    wish = fleet.Wish(
        name=_name(options.name, "a lab"),
        release=options.release,
        hosts=_hosts(options.hosts, options.role),
        accounts=tuple(_account(text) for text in options.account),
        folder=options.dir,
        die_with=options.die_with,
    )
    state = fleet.up(wish, _complain)
    for host in wish.hosts:
        if host.role == "wazuh":
            faults.named("agent-removes-manager").heal(enter.find(host.name, wish.name))
    hosts = state["hosts"]
    if options.json:
        _say(state)
    elif isinstance(hosts, dict):
        for name, host in hosts.items():
            print(f"{name}\t{host['address']}\t{host['role']}")
        print(f"inventory\t{state['inventory']}\nknown hosts\t{state['known_hosts']}")
    return 0


def _name(text: str, what: str) -> str:
    if not NAME.fullmatch(text):
        raise LabError(f"{text!r} is no name for {what}: lower-case letters, digits and `-`, at most 30")
    return text


def _hosts(text: str, roles: list[str]) -> tuple[Host, ...]:
    names = [f"ct{201 + number}" for number in range(int(text))] if text.isdecimal() else text.split(",")
    role_of = dict(role.partition("=")[::2] for role in roles)
    if not 1 <= len(names) <= LAST_BYTE or len(set(names)) != len(names):
        raise LabError(f"--hosts {text}: between 1 and {LAST_BYTE}, each name once")
    if unknown := set(role_of) - set(names):
        raise LabError(f"--role names no host of this lab: {', '.join(sorted(unknown))}")
    return tuple(
        Host(_name(name, "a host"), number, _name(role_of.get(name, "lab"), "a role"))
        for number, name in enumerate(names, start=1)
    )


def _account(text: str) -> Account:
    user, key, *sudoers = text.split(":")
    if not key or len(sudoers) > 1 or not USER.fullmatch(user):
        raise LabError(f"--account {text}: it is USER:PUBKEYFILE[:SUDOERSFILE]")
    try:
        public = Path(key).read_text(encoding="utf-8").strip()
        rules = Path(sudoers[0]).read_text(encoding="utf-8") if sudoers else ""
    except OSError as error:
        raise LabError(f"--account {text}: {error}") from error
    if not public or "PRIVATE KEY" in public:
        raise LabError(f"--account {text}: {key} is not a public key")
    return Account(user, public, rules)


def _down(options: argparse.Namespace) -> int:
    done = fleet.down(None if options.all else [_name(options.name, "a lab")])
    if options.json:
        _say({"down": done})
    else:
        print("\n".join(f"{name} is down" for name in done) or "there was nothing to take down")
    return 0


def _list(options: argparse.Namespace) -> int:
    answer = []
    for group in cgroups.labs():
        folder = (published.state_of(group) or {}).get("folder")
        leaders = {name: _leader(enter.Inside(group, name)) for name in group.hosts()}
        answer.append({"name": group.name, "slot": group.slot, "folder": folder, "leaders": leaders})
        if not options.json:
            print(f"{group.name}\t127.77.{group.slot}.0/24\t{folder or 'unfinished'}")
            for name, leader in leaders.items():
                print(f"  {name}\t{f'runs, leader {leader}' if leader else 'does not run'}")
    if options.json:
        _say({"labs": answer, "bases": sorted(path.parent.name for path in base.cache().glob("*/manifest.json"))})
    return 0


def _leader(inside: enter.Inside) -> int | None:
    try:
        return inside.leader
    except CannotLookError:
        return None


def _leaks(options: argparse.Namespace) -> int:
    found = leaks.find()
    if options.json:
        _say({"leaks": found})
    else:
        print("\n".join(found) or "nothing is left")
    return 1 if found else 0


def _exec(options: argparse.Namespace) -> int:
    require()
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise LabError("exec HOST -- ARGV: what shall be run?")
    inside = enter.find(options.host, options.name)
    if options.json:
        ran = inside.run(*argv, check=False, timeout=600)
        _say({"host": options.host, "argv": argv, "exit": ran.status, "stdout": ran.out, "stderr": ran.err})
        return ran.status
    sys.stdout.flush()
    return subprocess.run(inside.argv(*argv), check=False).returncode


def _faults(options: argparse.Namespace) -> int:
    known = faults.registry().values()
    if options.json:
        _say([{"name": fault.name, "summary": fault.summary, "benign": fault.benign} for fault in known])
    for fault in () if options.json else known:
        print(f"{fault.name:24}{'(no fault) ' if fault.benign else ''}{fault.summary}")
    return 0


def _break(options: argparse.Namespace) -> int:
    host, fault = _chosen(options)
    fault.prepare(host)
    fault.inject(host)
    moment = datetime.now(UTC)
    look = fault.look(host)
    if not look.present:
        raise LabError(f"{fault.name} did not take on {host.name}: {look.reason}")
    _tell(options, "present", look, broken_at=moment.isoformat())
    return 0


def _check(options: argparse.Namespace) -> int:
    try:
        host, fault = _chosen(options)
        look = fault.look(host)
    except (LabError, OSError) as error:
        raise CannotLookError(str(error)) from error
    _tell(options, "present" if look.present else "absent", look)
    return PRESENT if look.present else 0


def _heal(options: argparse.Namespace) -> int:
    host, fault = _chosen(options)
    fault.heal(host)
    look = fault.look(host)
    if look.present:
        raise LabError(f"{fault.name} is still there on {host.name}: {look.reason}")
    _tell(options, "absent", look)
    return 0


def _chosen(options: argparse.Namespace) -> tuple[enter.Inside, faults.Fault]:
    require()
    return enter.find(options.host, options.name), faults.named(options.fault)


def _tell(options: argparse.Namespace, verdict: str, look: faults.Look, **more: str) -> None:
    if options.json:
        seen = {"verdict": verdict, "reason": look.reason, "harmed": look.harmed}
        _say({"lab": options.name, "host": options.host, "fault": options.fault, **seen, **more})
    else:
        print(f"{verdict}: {look.reason}" + "".join(f"; {key} {value}" for key, value in more.items()))


def _reap(options: argparse.Namespace) -> int:
    reaper.reap(options.name, options.pid)
    return 0


def _say(answer: object) -> None:
    print(json.dumps(answer, indent=1))


def _complain(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)
