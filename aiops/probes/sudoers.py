"""What the detection account may do as root: exactly the probes that need it, argument by argument, and nothing else.

Sudo matches arguments as shell patterns, so a pattern character in a probe would allow more than the probe: it is refused.
A command without arguments would allow any argument; every line here has some, because ``timeout`` runs inside sudo.
"""

import re
from collections.abc import Iterable

from aiops.errors import SettingsError
from aiops.probes import AnyProbe
from aiops.probes.dialects import limited

_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SAFE = re.compile(r"[A-Za-z0-9/._%+@,:=-]+")
_SPECIAL = re.compile(r"([,:=])")


def sudoers(account: str, probes: Iterable[AnyProbe]) -> str:
    """The text of ``/etc/sudoers.d/aiops``.

    :raises SettingsError: the account is no user name, or a probe cannot be allowed exactly (relative path, blank,
        backslash or pattern character in its argv)
    """
    if not _ACCOUNT.fullmatch(account):
        raise SettingsError("sudoers", f"{account!r} is no name of a Unix account")
    lines = [_line(account, probe) for probe in dict.fromkeys(probes) if probe.sudo]
    head = ["# What aiops may look at as root. Written by `aiops sudoers`; check with: visudo -cf FILE"]
    return "\n".join([*head, f"Defaults:{account} !requiretty", *lines]) + "\n"


def _line(account: str, probe: AnyProbe) -> str:
    if not probe.argv[0].startswith("/"):
        raise SettingsError(f"probe {probe.name}", f"{probe.argv[0]} must be an absolute path: sudo's list needs it")
    for word in probe.argv:
        if not _SAFE.fullmatch(word):
            raise SettingsError(f"probe {probe.name}", f"sudo cannot allow the argument {word!r} exactly")
    command, *arguments = limited(probe)
    return f"{account} ALL=(root) NOPASSWD: {' '.join([command, *(_escaped(word) for word in arguments)])}"


def _escaped(word: str) -> str:
    return _SPECIAL.sub(r"\\\1", word)
