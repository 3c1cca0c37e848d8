"""enroll: take hosts into the fleet: their keys, our two accounts, and what they still lack."""

from pathlib import Path
from typing import Annotated, Final

import typer

from aiops import bootstrap
from aiops.domain.enrolled import Account, Enrolled, HostKey
from aiops.domain.host import Host
from aiops.errors import RefusedError, SettingsError
from aiops.ports.enrolment import Enrolment
from aiops.settings import Settings, load_settings
from tasks.cli.output import Json, dump, table

_REPAIRS: Final = "{} ALL=(root) NOPASSWD: ALL\n"
"""Ansible's modules are programs that run as root: a shorter list would be no limit. The fence and the policy are."""


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(enroll)


def enroll(  # noqa: PLR0913, PLR0917 - options of a command
    hosts: Annotated[list[str], typer.Argument(help="Hosts of the inventory.")],
    login: Annotated[str, typer.Option(help="Who logs in, once: root, or who may sudo without a password.")] = "root",
    identity: Annotated[Path | None, typer.Option(help="Its private key; default: what ssh itself would take.")] = None,
    probe_key: Annotated[
        Path | None, typer.Option(help="Public key of detection; default: beside ssh.key_file.")
    ] = None,
    repair_key: Annotated[Path | None, typer.Option(help="Public key of repairs; `none`: no such account.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only look: trust nothing, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; each new host needs its --fingerprint.")] = False,
    fingerprint: Annotated[list[str] | None, typer.Option(help="SHA256:..., as its own console shows it.")] = None,
    as_json: Json = False,
) -> None:
    """Collect the hosts' keys, make the detection and the repair account, and list what is missing. Again: no change.

    A key is shown before it is trusted. Compare it on the host's console: ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub
    Exit code 1 when something is missing.
    """
    settings = load_settings()
    inventory, known = bootstrap.inventory(settings), bootstrap.enrolment(settings, login, identity)
    accounts = _accounts(settings, probe_key, repair_key)
    done = []
    for host in [inventory.find(name) for name in hosts]:
        key = _key(host, known, yes=yes, given=frozenset(fingerprint or ()), check=check)
        done.append(Enrolled(host=host.name, key=key, items=tuple(known.arrange(host, accounts, change=not check))))
    if as_json:
        dump([{**one.model_dump(mode="json"), "missing": one.missing} for one in done])
    else:
        rows = [(one.host, item.what, item.standing) for one in done for item in one.items]
        table(("host", "what", "stands"), rows, empty="nothing to look at")
    if any(one.missing for one in done):
        raise typer.Exit(1)


def _key(host: Host, known: Enrolment, *, yes: bool, given: frozenset[str], check: bool) -> str:
    """The fingerprint it is let in with.

    :raises RefusedError: ``untrusted`` when nobody vouches for it
    """
    offered, trusted = known.offered(host), known.trusted(host)
    if offered.fingerprint in trusted:
        return offered.fingerprint
    if trusted:
        known.trust(host, offered)  # says why not
    if check:
        raise RefusedError("untrusted", f"{host.name} offers {offered.fingerprint}, which is not trusted yet")
    if yes and offered.fingerprint not in given:
        raise RefusedError("untrusted", f"{host.name} offers {offered.fingerprint}, and no --fingerprint says the same")
    if not yes:
        _ask(host, offered)
    known.trust(host, offered)
    return offered.fingerprint


def _ask(host: Host, offered: HostKey) -> None:
    typer.echo(f"{host.name} ({host.target} port {host.port}) offers {offered.kind} {offered.fingerprint}", err=True)
    if not typer.confirm("Is it the one on its own console?", err=True):
        raise RefusedError("untrusted", f"the key of {host.name} was not confirmed")


def _accounts(settings: Settings, probe_key: Path | None, repair_key: Path | None) -> list[Account]:
    probe, repair = settings.ssh, settings.repair
    made = [_account(probe.user, probe_key or _pub(probe.key_file), bootstrap.sudoers(probe.user))]
    if str(repair_key) != "none":
        made.append(_account(repair.user, repair_key or _pub(repair.key_file), _REPAIRS.format(repair.user)))
    return made


def _account(name: str, public: Path, sudoers: str) -> Account:
    """With the key beside it that is the next one, or that was the one before: `aiops keys`.

    :raises SettingsError: a file is no public key
    """
    beside = [public.with_name(f"{public.stem}.{which}.pub") for which in ("next", "old")]
    lines = []
    for file in (public, *(file for file in beside if file.exists())):
        try:
            lines.append(" ".join(file.read_text(encoding="utf-8").split()[:2]))
        except OSError as error:
            raise SettingsError(str(file), f"the public key cannot be read: {error.strerror}") from None
    try:
        return Account(name=name, public_keys=tuple(lines), sudoers=sudoers)
    except ValueError:
        raise SettingsError(str(public), f"is no public key of OpenSSH, or {name!r} is no name of an account") from None


def _pub(private: Path) -> Path:
    return private.with_name(f"{private.name}.pub")
