"""A machine of the VPN has been away for a day. Headscale is not in Debian: a program in its place says what its schema says."""

import json
import time

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

PROGRAM = "/usr/bin/headscale"
AWAY = 26 * 3600


def _inject(host: Inside) -> None:
    seen = {"seconds": int(time.time()) - AWAY}
    node = {"id": 1, "name": "relay", "given_name": "relay", "valid_tags": ["tag:server"], "last_seen": seen}
    host.write(PROGRAM, f"#!/bin/sh\ncat <<'END'\n{json.dumps([node], indent=1)}\nEND\n", mode=0o755)


def _look(host: Inside) -> Look:
    if not host.exists(PROGRAM):
        return absent("there is no headscale here")
    nodes = json.loads(host.out(PROGRAM, "nodes", "list", "-o", "json"))
    away = [node["name"] for node in nodes if not node.get("online")]
    return present(f"{', '.join(away)} is away") if away else absent("every machine is in the VPN")


def _heal(host: Inside) -> None:
    host.remove(PROGRAM)


FAULT = Fault("vpn-machine-away", "a machine of the VPN has been away for a day", _inject, _look, _heal)
