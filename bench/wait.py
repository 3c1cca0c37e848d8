"""Waiting for servers of a measurement."""

import socket
import time


def until_open(address: str, port: int, seconds: float = 15) -> None:
    """Until somebody listens there.

    :raises TimeoutError: nobody did in time
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{address}:{port}") from None
            time.sleep(0.05)
        else:
            return
