"""How an agent's session asks servers of others: it writes a line to a socket, and the worker outside of its walls asks.

The session holds no token and starts no server. Only tools that read and that a human trusted can be asked; what comes back is
scrubbed, condensed, cut and quoted like everything that machines say.
"""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from aiops.adapters.quote import quoted
from aiops.domain.tool import Offered
from aiops.errors import AiopsError
from aiops.ports.tools import Tools, Visit

MOST_LINE: Final = 64 * 1024
_SAYS: Final = 300
"""Characters of a tool's own description that an agent is shown."""


class FarEnd:
    """Inside the walls: one question at a time, over the socket that was inherited as ``number``."""

    def __init__(self, number: int) -> None:
        self._line = socket.socket(fileno=number)
        self._reader = self._line.makefile("rb")

    def servers(self) -> str:
        """What can be asked, quoted."""
        return self._said({"list": True})

    def ask(self, server: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """The answer, quoted, or a sentence that says why there is none."""
        return self._said({"server": server, "tool": tool, "arguments": dict(arguments)})

    def _said(self, question: Mapping[str, Any]) -> str:
        try:
            self._line.sendall(json.dumps(question).encode() + b"\n")
            return str(json.loads(self._reader.readline())["text"])
        except (OSError, ValueError, KeyError, TypeError):
            return "nobody outside answers any more"


@contextmanager
def near_end(tools: Tools) -> Iterator[socket.socket]:
    """Outside: the socket to hand over. Questions are answered on a thread until the session has ended; then every server that
    was started is ended too.
    """
    ours, theirs = socket.socketpair()
    with tools.visit() as visit:
        thread = threading.Thread(target=_serve, args=(ours, visit), name="aiops-outside", daemon=True)
        thread.start()
        try:
            yield theirs
        finally:
            theirs.close()
            with suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)
            # A question under way ends with its server's own limit; nobody waits for its answer.
            visit.close()
            thread.join()
            ours.close()


def _serve(line: socket.socket, visit: Visit) -> None:
    with suppress(OSError), line.makefile("rwb") as talk:
        while asked := talk.readline(MOST_LINE):
            talk.write(json.dumps({"text": _answer(asked, visit)}).encode() + b"\n")
            talk.flush()


def _answer(asked: bytes, visit: Visit) -> str:
    try:
        question = json.loads(asked)
        if question.get("list"):
            return quoted({"servers": {name: _listed(visit, name) for name in visit.servers()}})
        heard = visit.ask(str(question["server"]), str(question["tool"]), dict(question["arguments"]))
    except AiopsError as error:
        return f"not asked: {error}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "not asked: that is no question"
    if heard.cut_off:
        return f"the server {heard.server} was cut off: {heard.cut_off}. It is not asked again in this session."
    return quoted({"server": heard.server, "tool": heard.tool, "said": heard.text})


def _listed(visit: Visit, name: str) -> Any:
    try:
        offered = visit.offered(name)
    except AiopsError as error:
        return str(error)
    return [_line(one) for one in offered if one.label == "read" and one.standing == "trusted"]


def _line(one: Offered) -> dict[str, Any]:
    return {"tool": one.tool.name, "says_of_itself": one.tool.description[:_SAYS], "takes": one.tool.takes}
