"""The certificate nginx serves ends in five days; nobody renewed it."""

from lab.enter import Inside
from lab.errors import CannotLookError
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

DAYS_LEFT = 5
SOON = 14 * 86400  # seconds: the guardian's own line


def _inject(host: Inside) -> None:
    host.run("lab-certificate", str(DAYS_LEFT))
    _facts.wait_until(lambda: _look(host).present, "nginx serves the new certificate")  # its reload takes a moment


def _look(host: Inside) -> Look:
    served = host.run("openssl", "s_client", "-connect", "127.0.0.1:443", check=False, timeout=10)
    if "BEGIN CERTIFICATE" not in served.out:
        raise CannotLookError(f"nothing serves a certificate on 443: {served.err.strip()[:200]}")
    asked = host.run("openssl", "x509", "-noout", "-enddate", "-checkend", str(SOON), stdin=served.out, check=False)
    end = asked.out.splitlines()[0].partition("=")[2]
    if asked.status != 0:
        return present(f"the served certificate ends {end}")
    return absent(f"the served certificate lasts until {end}")


def _heal(host: Inside) -> None:
    host.run("lab-certificate", "90")
    _facts.wait_until(lambda: not _look(host).present, "nginx serves the new certificate")


FAULT = Fault("cert-expiring", "the certificate served on 443 ends in five days", _inject, _look, _heal)
