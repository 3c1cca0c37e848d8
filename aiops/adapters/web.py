"""Asks for pages with the standard library: strict certificates, no proxy, no redirection, a hard end."""

import socket
import ssl
import threading
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from aiops.adapters.tls import served
from aiops.domain.certificate import Served
from aiops.errors import SettingsError, UnknownError
from aiops.ports import Page


class PlainWeb:
    """See ``aiops.ports.Web``. ``ca_file`` adds a private authority to those the system trusts.

    :raises SettingsError: the file holds no certificate
    """

    def __init__(self, ca_file: Path | None = None) -> None:
        self._tls = ssl.create_default_context()
        if ca_file:
            try:
                self._tls.load_verify_locations(ca_file)
            except OSError as error:
                raise SettingsError("ca_file", f"{ca_file} holds no certificate: {error}") from error

    def get(self, url: str, seconds: float) -> Page:
        """See ``aiops.ports.Web``."""
        connection, path = self._connection(url, seconds)
        started = time.monotonic()
        over = threading.Event()
        # Each read has its own limit in the standard library, so a server that drips would hold us for ever.
        end = threading.Timer(seconds, _hang_up, args=(connection, over))
        end.daemon = True
        end.start()
        status, reason = None, ""
        try:
            connection.request("GET", path, headers={"User-Agent": "aiops", "Accept": "*/*"})
            status = connection.getresponse().status
        except socket.gaierror as error:
            raise UnknownError("address of", connection.host, str(error)) from error
        except ssl.SSLCertVerificationError as error:
            reason = f"its certificate is not valid: {error.verify_message}"
        except TimeoutError:
            reason = f"no answer within {seconds:g} s"
        except (OSError, HTTPException) as error:
            reason = f"no answer within {seconds:g} s" if over.is_set() else str(error) or type(error).__name__
        finally:
            end.cancel()
            connection.close()
        return Page(url, status, reason, time.monotonic() - started)

    def certificate(self, endpoint: str, seconds: float) -> Served:
        """See ``aiops.ports.Web``."""
        return served(endpoint, self._tls, seconds)

    def _connection(self, url: str, seconds: float) -> tuple[HTTPConnection, str]:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise SettingsError(url, str(error)) from error
        if parts.scheme not in {"http", "https"} or not host or parts.username or not url.isascii() or " " in url:
            raise SettingsError(url, "is no http or https address without user name")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=seconds, context=self._tls), path
        return HTTPConnection(host, port, timeout=seconds), path


def _hang_up(connection: HTTPConnection, over: threading.Event) -> None:
    over.set()
    if isinstance(connection.sock, socket.socket):
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was closed in this very moment
