"""openssl and a TLS handshake: the certificates that lie on a host and those it serves."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from aiops.domain.certificate import Certificate
from aiops.domain.host import Host
from aiops.probes import Probe, UnreadableError, Visit


@dataclass(frozen=True)
class Files:
    """Certificates by path (the first of each file: the leaf), and what could not be read."""

    certificates: tuple[tuple[str, Certificate], ...]
    hidden: tuple[str, ...]


_COMMON_NAME = re.compile(r"(?:^|[,/]\s*)CN ?= ?(?P<name>[^,/]+)")
_FINGERPRINT = re.compile(r"sha256 fingerprint", re.IGNORECASE)
_NAME = re.compile(r"(?:DNS|IP Address):(?P<name>[^,\s]+)")


def _read(text: str) -> Files:
    certificates: list[tuple[str, Certificate]] = []
    hidden: list[str] = []
    path, rows = "", list[str]()
    for row in [*text.splitlines(), "@"]:
        if row.startswith("?/"):
            hidden.append(row[1:])
        elif row == "@" or row.startswith("@/"):
            if rows:
                certificates.append((path, read_certificate(rows)))
            path, rows = row[1:], []
        elif path:
            rows.append(row)
        elif row.strip():
            raise UnreadableError(f"openssl printed something before any file: {row[:120]!r}")
    return Files(tuple(certificates), tuple(hidden))


def read_certificate(rows: list[str]) -> Certificate:
    """What ``openssl x509 -noout`` printed about one certificate, by any release since 1.1.1.

    :raises UnreadableError: a date is missing
    """
    fields = {key.strip(): value.strip() for key, mark, value in (row.partition("=") for row in rows) if mark}
    subject = _COMMON_NAME.search(fields.get("subject", ""))
    fingerprint = next((value for key, value in fields.items() if _FINGERPRINT.fullmatch(key)), "")
    return Certificate(
        common_name=subject["name"].strip() if subject else fields.get("subject", ""),
        issuer=fields.get("issuer", ""),
        names=tuple(match["name"] for row in rows for match in _NAME.finditer(row)),
        not_before=_moment(fields.get("notBefore", "")),
        not_after=_moment(fields.get("notAfter", "")),
        fingerprint=fingerprint.replace(":", "").lower(),
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(" ".join(text.split()), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    except ValueError:
        raise UnreadableError(f"openssl printed no date but {text[:80]!r}") from None


_PLACES = ("-path", "/etc/ssl/certs", "-o", "-path", "/etc/ssl/private", "-o", "-path", "/etc/ca-certificates")
_NAMED = ("(", "-name", "*.pem", "-o", "-name", "*.crt", "-o", "-name", "*.cer", ")", "!", "-name", "*key*")
_ASK = ("-subject", "-issuer", "-startdate", "-enddate", "-fingerprint", "-sha256", "-ext", "subjectAltName")

# Exit code 1: some folder below /etc is not for this account. Where certificates are kept, such a folder is named in the output.
CERTIFICATE_FILES = Probe(
    name="certificate-files",
    argv=(
        *("find", "/etc", "-maxdepth", "5", "(", *_PLACES, ")", "-prune", "-o"),
        *("-type", "d", "-path", "/etc/letsencrypt/*", "!", "-readable", "-printf", "?%p\\n", "-prune", "-o"),
        *("!", "-type", "d", *_NAMED, "!", "-readable", "-printf", "?%p\\n", "-o"),
        *("!", "-type", "d", *_NAMED, "-printf", "@%p\\n"),
        *("-exec", "openssl", "x509", "-noout", *_ASK, "-in", "{}", ";"),
    ),
    read=_read,
    codes=(0, 1),
    seconds=30,
)


def _read_version(text: str) -> str:
    if not text.startswith(("OpenSSL ", "LibreSSL ")):
        raise UnreadableError(f"openssl named no version but {text[:80]!r}")
    return text.strip()


# find goes on without openssl as if no file held a certificate: this one says that it is missing.
OPENSSL = Probe(name="openssl-version", argv=("openssl", "version"), read=_read_version)


def _endpoints(host: Host) -> tuple[str, ...]:
    """The label ``tls`` (``name``, ``name:port`` or ``name@address:port``), and every https page."""
    pages = (urlsplit(url) for url in host.labels.get("http", "").split() if url.startswith("https://"))
    named = (f"{page.hostname}:{page.port or 443}" for page in pages if page.hostname)
    return tuple(dict.fromkeys((*host.labels.get("tls", "").split(), *named)))


SERVED = Visit(name="tls", urls=_endpoints, certificate=True)
