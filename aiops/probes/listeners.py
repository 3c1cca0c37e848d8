"""ss: where the host listens."""

from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Listener:
    """One socket."""

    protocol: str
    address: str
    port: int

    @property
    def reachable(self) -> bool:
        """Whether another machine could connect."""
        return not self.address.startswith(("127.", "[::1]", "[::ffff:127."))

    @property
    def label(self) -> str:
        """``tcp/22``: what a rule names."""
        return f"{self.protocol}/{self.port}"


def _read(text: str) -> tuple[Listener, ...]:
    found = []
    for row in text.splitlines():
        words = row.split()
        if len(words) < 5 or words[0] not in {"tcp", "udp"} or ":" not in words[4]:  # noqa: PLR2004 - netid state recv-q send-q local
            raise UnreadableError(f"ss printed a row that is none: {row[:120]!r}")
        address, _, port = words[4].rpartition(":")
        found.append(Listener(words[0], address.partition("%")[0], int(port)))
    return tuple(found)


LISTENERS = Probe(name="listeners", argv=("ss", "-Hltnu"), read=_read)
