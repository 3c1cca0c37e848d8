"""Faults that take `df` away from whoever wants to look: the binary is set aside, or something else is in its place."""

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

BINARY = "/usr/bin/df"
ASIDE = "/usr/bin/df.lab-original"


def replaced(name: str, summary: str, script: str | None) -> Fault:
    """The fault that `df` is `script` instead of itself, or nothing at all."""

    def _inject(host: Inside) -> None:
        if not host.exists(ASIDE):
            host.run("mv", BINARY, ASIDE)
        if script is not None:
            host.write(BINARY, script, 0o755)

    def _look(host: Inside) -> Look:
        if script is None:
            return absent(f"{BINARY} is there") if host.exists(BINARY) else present(f"{BINARY} is gone")
        same = host.exists(BINARY) and (host.root / BINARY.lstrip("/")).read_bytes() == script.encode()
        return present(f"{BINARY} is a script: {summary}") if same else absent(f"{BINARY} is not that script")

    def _heal(host: Inside) -> None:
        if host.exists(ASIDE):
            host.run("mv", ASIDE, BINARY)

    return Fault(name, summary, _inject, _look, _heal)
