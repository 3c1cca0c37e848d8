"""What we showed to a server is taken out of what it answers.

Some repeat a request in their errors, and errors are logged and told.
"""

import re
from collections.abc import Mapping
from typing import Final

_GONE: Final = b"[secret]"
_SHORTEST: Final = 8
"""Characters. What is shorter protects nothing, and would take out ordinary words."""


def without_echo(content: bytes, shown: Mapping[str, str]) -> bytes:
    """The content without the credential of the header ``Authorization`` that was sent with the request."""
    for name, value in shown.items():
        if name.lower() == "authorization":
            word = value.split()[-1] if value.split() else ""
            # Proxmox puts the token's name before its secret: user@realm!name=SECRET, or with a colon.
            for secret in (word, re.split(r"[=:](?=[^=:])", word)[-1]):
                if len(secret) >= _SHORTEST:
                    content = content.replace(secret.encode(), _GONE)
    return content
