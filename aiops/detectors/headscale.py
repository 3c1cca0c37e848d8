"""headscale: machines of the VPN that are away, and keys that have ended or soon will.

Looks for
    On the host that runs Headscale, nodes that must be there and are not: those that are hosts of the inventory, and those
    with a tag, which Headscale gives to machines and not to people. Keys that ended: such a node may still be shown as
    online, and is locked out when it connects next. Keys that end soon. Hosts without Headscale have nothing to see. Whether
    Headscale itself is the newest is told by ``releases``.

Thresholds
    ``offline_minutes`` 60: a reboot or an upgrade of the client takes minutes, and we look every hour.
    ``expiry_days`` 14: as for certificates.
    ``allowed_offline``: shell patterns of nodes that may be away.

Looks alike but is benign
    Telephones and laptops of people: they have no tag and are no hosts. Hosts that are switched on only on demand, or in
    maintenance, and sleep. A key without an end (Go's year 1). A node that was away for a few minutes.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.guest import Guest
from aiops.domain.host import Host
from aiops.domain.severity import Severity
from aiops.probes.clock import CLOCK
from aiops.probes.headscale import NODES, Node

DETECTOR = Detector(
    "headscale",
    "The VPN's machines",
    kinds=[
        Kind(name="headscale.offline", sentence="a machine is not in the VPN though it should be"),
        Kind(name="headscale.key_expired", sentence="the key of a machine of the VPN has ended"),
        Kind(name="headscale.key_expiring", sentence="the key of a machine of the VPN ends soon"),
    ],
    thresholds={"offline_minutes": 60, "expiry_days": 14, "allowed_offline": []},
)

_MINUTE, _DAY = 60, 86400


@DETECTOR.check(NODES, CLOCK, kinds=["headscale.offline", "headscale.key_expired", "headscale.key_expiring"])
def nodes(host: Subject, found: tuple[Node, ...] | None, now: int) -> Iterator[Finding]:
    """Each node that belongs to the fleet."""
    for node in found or ():
        known = next((one for one in host.fleet if _is(node, one)), None)
        if not (known or node.tagged):
            continue
        asleep = known is not None and known.expected_state != "up"
        minutes = (now - node.seen) / _MINUTE
        allowed = asleep or host.matches(node.name, "allowed_offline")
        if not (node.online or allowed) and minutes > host.settings["offline_minutes"]:
            away = f"{minutes / 60:.0f} hours" if node.seen else "ever"
            summary = f"{node.name} has not been in the VPN for {away}"
            yield _finding(host, "headscale.offline", node, Severity.WARNING, summary)
        days = (node.expiry - now) / _DAY
        if node.expiry and days <= 0:
            summary = f"the key of {node.name} ended {-days:.0f} days ago: it is locked out of the VPN"
            yield _finding(host, "headscale.key_expired", node, Severity.WARNING, summary)
        elif node.expiry and days < host.settings["expiry_days"]:
            summary = f"the key of {node.name} ends in {days:.0f} days"
            yield _finding(host, "headscale.key_expiring", node, Severity.INFO, summary)


def _is(node: Node, host: Host) -> bool:
    return any(Guest(name=node.name, address=address).is_host(host) for address in (*node.addresses, ""))


def _finding(host: Subject, kind: str, node: Node, severity: Severity, summary: str) -> Finding:
    return host.finding(
        kind,
        node.name,
        severity,
        summary,
        cause=f"headscale:{node.name}",
        node=node.name,
        addresses=list(node.addresses),
        online=node.online,
    )


@DETECTOR.show(NODES)
def figures(found: tuple[Node, ...] | None) -> dict[str, str]:
    """How many there are."""
    return {"VPN": f"{sum(node.online for node in found)} of {len(found)} nodes online"} if found else {}
