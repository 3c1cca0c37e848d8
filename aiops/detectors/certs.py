"""certs: certificates that end soon, are not believed, or were renewed and are not served.

Looks for
    Certificates below /etc and on TLS endpoints (the host's ``tls`` label and every https page) that have ended or end
    soon. Endpoints whose certificate is for another name or whose chain a client does not believe. A newer certificate on the
    disk than the one that is served: renewed, not reloaded.

Thresholds
    ``warning_days`` 14 and ``critical_days`` 7 before the end: the operator's figure and Netdata's x509check.conf.
    ``short_days`` 30: a certificate that never lasts longer than this warns at a third of its life and is critical at a
    sixth: step-ca's default of 24 hours would else always be critical.
    ``ignore_files``: shell patterns of files that may end; ``untrusted_names``: endpoints that may be signed by nobody.

Looks alike but is benign
    An endpoint that does not answer (blind, and ``health`` speaks of its pages). Keys, requests and parameters that are PEM files
    too. The authorities in /etc/ssl/certs, which Debian's own package looks after. An older file beside a newer one that is
    served. Debian's self-made ``ssl-cert-snakeoil``.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from aiops.detectors import Detector, Subject
from aiops.domain import horizon
from aiops.domain.certificate import Certificate, Served
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes import UnreadableError
from aiops.probes.x509 import CERTIFICATE_FILES, OPENSSL, SERVED, Files

DETECTOR = Detector(
    "certs",
    "Certificates that end",
    kinds=[
        Kind(name="cert.expired", sentence="a certificate has ended"),
        Kind(name="cert.expiring", sentence="a certificate ends soon"),
        Kind(name="cert.name_mismatch", sentence="an endpoint serves a certificate for another name"),
        Kind(name="cert.untrusted", sentence="an endpoint serves a certificate that clients do not believe"),
        Kind(name="cert.not_reloaded", sentence="a certificate was renewed, but the old one is still served"),
    ],
    thresholds={
        "warning_days": 14,
        "critical_days": 7,
        "short_days": 30,
        "ignore_files": ["*snakeoil*"],
        "untrusted_names": [],
    },
)

_DAY = timedelta(days=1)
_PORT = re.compile(r":(\d{1,5})$")


@DETECTOR.check(OPENSSL, CERTIFICATE_FILES, kinds=["cert.expired", "cert.expiring"])
def files(host: Subject, _version: str, found: Files) -> Iterator[Finding]:
    """The certificates that lie on the host."""
    for path, certificate in found.certificates:
        if not any(fnmatchcase(path, pattern) for pattern in host.settings["ignore_files"]):
            yield from _life(host, path, certificate)
    if found.hidden:
        raise UnreadableError(
            f"certificates may not be read: {', '.join(found.hidden[:5])}",
            "let the detection account read them; only keys are secret (for certbot: chmod 755 its live and archive)",
        )


@DETECTOR.check(SERVED, kinds=["cert.expired", "cert.expiring", "cert.name_mismatch", "cert.untrusted"])
def served(host: Subject, endpoints: tuple[Served, ...]) -> Iterator[Finding]:
    """The certificates that whoever connects is shown."""
    silent: list[Served] = []
    for endpoint in endpoints:
        certificate = endpoint.certificate
        if certificate is None:
            silent.append(endpoint)
            continue
        # What a renewal has to ask for.
        port = _PORT.search(endpoint.endpoint)
        where: dict[str, Any] = {"server_name": endpoint.name, "port": int(port[1]) if port else 443}
        yield from _life(host, endpoint.endpoint, certificate, **where)
        if not certificate.covers(endpoint.name):
            yield _finding(
                host,
                "cert.name_mismatch",
                endpoint.endpoint,
                certificate,
                Severity.CRITICAL,
                f"{endpoint.endpoint} serves a certificate for {certificate.common_name}, not for {endpoint.name}",
            )
        elif endpoint.problem and certificate.not_after > host.now and not _may_be_untrusted(host, endpoint):
            yield _finding(
                host,
                "cert.untrusted",
                endpoint.endpoint,
                certificate,
                Severity.CRITICAL,
                f"clients do not believe the certificate of {endpoint.endpoint}: {endpoint.problem}",
                problem=endpoint.problem,
            )
    if silent:
        said = ", ".join(f"{endpoint.endpoint} ({endpoint.problem})" for endpoint in silent[:5])
        raise UnreadableError(
            f"no certificate was shown by {said}", "check that the endpoint speaks TLS from the start"
        )


def _may_be_untrusted(host: Subject, endpoint: Served) -> bool:
    return any(fnmatchcase(endpoint.name, pattern) for pattern in host.settings["untrusted_names"])


@DETECTOR.check(OPENSSL, CERTIFICATE_FILES, SERVED, kinds=["cert.not_reloaded"])
def not_reloaded(host: Subject, _version: str, found: Files, endpoints: tuple[Served, ...]) -> Iterator[Finding]:
    """A file for the same names lasts longer than what is served, and the served one is nowhere on the disk any more."""
    on_disk = {certificate.fingerprint for _, certificate in found.certificates}
    for endpoint in endpoints:
        shown = endpoint.certificate
        if shown is None or shown.fingerprint in on_disk:
            continue
        for path, certificate in found.certificates:
            if _renews(certificate, shown):
                yield _finding(
                    host,
                    "cert.not_reloaded",
                    endpoint.endpoint,
                    shown,
                    Severity.WARNING,
                    f"{path} was renewed, but {endpoint.endpoint} still serves the one that ends {shown.not_after:%Y-%m-%d}",
                    file=path,
                )
                break


def _renews(certificate: Certificate, shown: Certificate) -> bool:
    same = set(certificate.names) == set(shown.names) and certificate.common_name == shown.common_name
    return same and certificate.not_before > shown.not_before


def _life(host: Subject, subject: str, certificate: Certificate, **more: Any) -> Iterator[Finding]:
    left = certificate.not_after - host.now
    warning, critical = (
        (certificate.lifetime / 3, certificate.lifetime / 6)
        if certificate.lifetime <= host.settings["short_days"] * _DAY
        else (host.settings["warning_days"] * _DAY, host.settings["critical_days"] * _DAY)
    )
    if left <= timedelta():
        ended = f"the certificate of {certificate.common_name} ended on {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        yield _finding(host, "cert.expired", subject, certificate, Severity.CRITICAL, ended, **more)
    elif left <= warning:
        severity = Severity.CRITICAL if left <= critical else Severity.WARNING
        when = f"in {left // _DAY} days" if left > 2 * _DAY else f"in {left // timedelta(hours=1)} hours"
        soon = f"the certificate of {certificate.common_name} ends {when}"
        yield _finding(host, "cert.expiring", subject, certificate, severity, soon, **more)


def _finding(
    host: Subject,
    kind: str,
    subject: str,
    certificate: Certificate,
    severity: Severity,
    summary: str,
    **more: Any,
) -> Finding:
    return host.finding(
        kind,
        subject,
        severity,
        summary,
        cause=f"certificate:{certificate.common_name}",
        common_name=certificate.common_name,
        names=list(certificate.names[:20]),
        issuer=certificate.issuer,
        not_after=f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}",
        days_left=(certificate.not_after - host.now) // _DAY,
        fingerprint=certificate.fingerprint,
        **more,
    )


@DETECTOR.show(OPENSSL, CERTIFICATE_FILES)
def figures(_version: str, found: Files) -> dict[str, str]:
    """The one that ends first."""
    if not found.certificates:
        return {"certificates": "none below /etc"}
    path, first = min(found.certificates, key=lambda pair: pair[1].not_after)
    return {
        "certificates": f"{len(found.certificates)} below /etc, the first to end is {path} on {first.not_after:%Y-%m-%d}",
        horizon.CERTIFICATE: horizon.written(first.not_after),
    }
