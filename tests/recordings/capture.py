"""Records what a detector's probes print on a real host: ``python -m tests.recordings.capture --help``.

The file is written with what the detector makes of it as the expectation. Read it, and correct it where the detector
is wrong, before you commit it: an expectation nobody has read proves nothing.
"""

import argparse
import re
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from aiops.adapters.inventory import AnsibleInventory
from aiops.adapters.local_shell import LocalShell
from aiops.adapters.ssh import FabricShell
from aiops.adapters.web import PlainWeb
from aiops.detectors import Detector, load
from aiops.domain.certificate import Certificate
from aiops.domain.host import Host
from aiops.ports import Shell
from aiops.probes import UnreadableError, Visit
from aiops.probes.answer import Answer
from aiops.probes.script import assemble
from tests.recordings.replay import FOLDER, play

_SECONDS = 60
_LONG = 400
"""Characters of evidence beyond which it is left out of the expectation."""


def main() -> None:
    """Capture one case."""
    options = _options()
    detector = load()[options.detector]
    recording = _taken_over(detector, options) if options.source else _captured(detector, options)
    if options.thresholds:
        recording["thresholds"] = yaml.safe_load(options.thresholds)
    recording["expect"] = _expectation(recording)
    target = FOLDER / detector.name / f"{options.case}.yml"
    target.parent.mkdir(exist_ok=True)
    target.write_text(_dump(recording), encoding="utf-8")
    sys.stdout.write(yaml.safe_dump({target.name: recording["expect"]}, sort_keys=False))


def _taken_over(detector: Detector, options: argparse.Namespace) -> dict[str, Any]:
    """What another detector's probes printed on a real host, for one that reads the same."""
    made = yaml.safe_load((FOLDER / f"{options.source}.yml").read_text(encoding="utf-8"))
    wanted = [probe.name for probe in detector.probes]
    if missing := [name for name in wanted if name not in made["probes"]]:
        raise SystemExit(f"{options.source} has no output of {', '.join(missing)}: capture it on a host")
    kept = {key: made[key] for key in ("release", "captured", "host", "now")}
    probes = {name: made["probes"][name] for name in wanted}
    return {"about": options.about, "detector": detector.name, **kept, "probes": probes}


def _captured(detector: Detector, options: argparse.Namespace) -> dict[str, Any]:
    host, shell, how = _place(options)
    recording: dict[str, Any] = {
        "about": options.about,
        "detector": detector.name,
        "release": options.release,
        "captured": f"{how}, {datetime.now(UTC):%Y-%m-%d}",
        "host": host.model_dump(mode="json", exclude_defaults=True),
        "now": datetime.now(UTC).isoformat(timespec="seconds"),
        "probes": _probes(detector, shell, host),
    }
    pages = _pages(detector, host, options.ca)
    if pages:
        recording["pages"] = pages
    handshakes = _handshakes(detector, host, options.ca)
    if handshakes:
        recording["handshakes"] = handshakes
    shell.close()
    return recording


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detector")
    parser.add_argument("case", help="name of the file")
    parser.add_argument("--about", required=True, help="what state the host was brought into, in a sentence")
    parser.add_argument("--release", default="", help="Debian 12, for example")
    parser.add_argument("--from", dest="source", help="take over what was captured, as disk/full, instead of looking")
    parser.add_argument("--root", help="a Debian system in a folder, instead of a host")
    parser.add_argument("--host", help="a name of the inventory")
    parser.add_argument("--inventory", type=Path)
    parser.add_argument("--known-hosts", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--user", default="aiops")
    parser.add_argument("--http", default="", help="pages to ask for")
    parser.add_argument("--tls", default="", help="TLS endpoints to shake hands with")
    parser.add_argument("--ca", type=Path, help="authority of the pages' certificates")
    parser.add_argument("--thresholds", default="", help="as YAML")
    return parser.parse_args()


def _place(options: argparse.Namespace) -> tuple[Host, Shell, str]:
    given = {"http": options.http, "tls": options.tls}
    labels = {label: value for label, value in given.items() if value}
    if options.root:
        proc = f"--mount-proc={options.root}/proc"
        shell = LocalShell(("unshare", "--mount", "--pid", "--fork", proc, "chroot", options.root, "/bin/sh", "-s"))
        return Host(name="root", role="lab", labels=labels), shell, "in a root directory made by mmdebstrap"
    if not options.host:
        return Host(name="here", role="workstation", local=True, labels=labels), LocalShell(), "on a workstation"
    known = AnsibleInventory(options.inventory).find(options.host)
    remote = FabricShell(options.user, options.key, options.known_hosts)
    return known.model_copy(update={"labels": labels}), remote, "over SSH as an ordinary account, systemd-nspawn host"


def _probes(detector: Detector, shell: Shell, host: Host) -> dict[str, Any]:
    script = assemble(detector.probes)
    answers = script.answers(shell.run(host, script.text, _SECONDS).stdout)
    return {probe.name: _answer(answer) for probe, answer in answers.items()}


def _answer(answer: Answer | UnreadableError) -> dict[str, Any]:
    if isinstance(answer, UnreadableError):
        raise answer
    if answer.powerless:
        return {"powerless": True}
    return {"code": answer.code, "stdout": _text(answer.stdout), "stderr": _text(answer.stderr)}


_REGISTRY = re.compile(r"(?<=://)[A-Za-z0-9.-]+\.[a-z]{2,}")
_LAYERS = re.compile(r"(?<=dir=)/[^, \n]+")


def _text(output: bytes) -> str | bytes:
    """Readable where it is text; package mirrors' names and where the lab keeps its layers are nobody's business."""
    try:
        return _LAYERS.sub("/srv/layer", _REGISTRY.sub("example.org", output.decode()))
    except UnicodeDecodeError:
        return output


def _pages(detector: Detector, host: Host, authority: Path | None) -> list[dict[str, Any]]:
    web = PlainWeb(authority)
    visits = {visit for visit in _visits(detector) if not visit.certificate}
    found = [web.get(url, visit.seconds) for visit in visits for url in visit.urls(host)]
    return [{"url": page.url, "status": page.status, "reason": page.reason, "seconds": page.seconds} for page in found]


def _visits(detector: Detector) -> set[Visit]:
    return {probe for check in detector.checks for probe in check.probes if isinstance(probe, Visit)}


def _handshakes(detector: Detector, host: Host, authority: Path | None) -> list[dict[str, Any]]:
    web = PlainWeb(authority)
    visits = {visit for visit in _visits(detector) if visit.certificate}
    found = [web.certificate(endpoint, visit.seconds) for visit in visits for endpoint in visit.urls(host)]
    return [asdict(shown) | {"certificate": _plain(shown.certificate)} for shown in found]


def _plain(certificate: Certificate | None) -> dict[str, Any] | None:
    if certificate is None:
        return None
    times = {name: getattr(certificate, name).isoformat() for name in ("not_before", "not_after")}
    return asdict(certificate) | times | {"names": list(certificate.names)}


def _expectation(recording: dict[str, Any]) -> dict[str, Any]:
    sweep = play(recording, load())
    return {
        "findings": [
            {
                "kind": finding.kind,
                "subject": finding.subject,
                "severity": finding.severity.value,
                "cause": finding.cause,
                "evidence": {key: value for key, value in finding.evidence.items() if len(str(value)) < _LONG},
            }
            for finding in sweep.findings
        ],
        "blind": [{"probe": blind.probe, "reason": blind.reason[:60]} for blind in sweep.blind],
    }


class _Dumper(yaml.SafeDumper):
    """Outputs as blocks, so that a recording can be read."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def _dump(recording: dict[str, Any]) -> str:
    return yaml.dump(recording, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130)


if __name__ == "__main__":
    main()
