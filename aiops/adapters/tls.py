"""Asks a TLS endpoint for its certificate: once as a careful client, and once more without care if that one hung up."""

import ipaddress
import re
import socket
import ssl
import threading
from datetime import UTC

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from aiops.domain.certificate import Certificate, Served
from aiops.errors import SettingsError

_ENDPOINT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?:@(?P<address>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]))?(?::(?P<port>\d{1,5}))?"
)


def served(endpoint: str, careful: ssl.SSLContext, seconds: float) -> Served:
    """See ``aiops.ports.Web.certificate``."""
    match = _ENDPOINT.fullmatch(endpoint)
    if not match:
        raise SettingsError(endpoint, "is no TLS endpoint: name, name:port or name@address:port")
    name = match["name"].strip("[]")
    place = ((match["address"] or match["name"]).strip("[]"), int(match["port"] or 443))
    problem = ""
    try:
        try:
            der = _handshake(place, name, careful, seconds)
        except ssl.SSLCertVerificationError as error:
            problem = error.verify_message
            careless = ssl.create_default_context()
            careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
            der = _handshake(place, name, careless, seconds)
    except OSError as error:
        return Served(endpoint, name, None, str(error) or type(error).__name__)
    return Served(endpoint, name, _certificate(der), problem)


def _handshake(place: tuple[str, int], name: str, context: ssl.SSLContext, seconds: float) -> bytes:
    with socket.create_connection(place, timeout=seconds) as plain:
        # Every read has a limit of its own, so a server that drips would hold us for ever.
        end = threading.Timer(seconds, _hang_up, args=(plain,))
        end.daemon = True
        end.start()
        try:
            with context.wrap_socket(plain.dup(), server_hostname=name) as secure:
                return secure.getpeercert(binary_form=True) or b""
        finally:
            end.cancel()


def _hang_up(plain: socket.socket) -> None:
    try:
        plain.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed in this very moment


def _certificate(der: bytes) -> Certificate:
    read = x509.load_der_x509_certificate(der)
    common = read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Certificate(
        common_name=str(common[0].value) if common else read.subject.rfc4514_string(),
        issuer=read.issuer.rfc4514_string(),
        names=_names(read),
        not_before=read.not_valid_before_utc.astimezone(UTC),
        not_after=read.not_valid_after_utc.astimezone(UTC),
        fingerprint=read.fingerprint(SHA256()).hex(),
    )


def _names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        address
        for address in names.get_values_for_type(x509.IPAddress)
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    ]
    return (*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses))
