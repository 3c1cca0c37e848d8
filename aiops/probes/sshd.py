"""sshd -T: the configuration sshd would really use, whatever its files say."""

from collections.abc import Mapping

from aiops.probes import Probe, UnreadableError


def _read(text: str) -> Mapping[str, str] | None:
    """Its keywords, in small letters; None where there is no sshd."""
    if not text.strip():
        return None
    found = {key.lower(): value for key, _, value in (row.partition(" ") for row in text.splitlines())}
    if "permitrootlogin" not in found or "passwordauthentication" not in found:
        raise UnreadableError(f"sshd printed no configuration but {text.strip()[:120]!r}")
    return found


# It reads the host keys, so it needs root. 127: there is no sshd, so nothing to harden.
SSHD = Probe(name="sshd-configuration", argv=("/usr/sbin/sshd", "-T"), read=_read, sudo=True, codes=(0, 127))
