"""CT190's voice: drains ``notify`` into its mailbox, and delivers. One process, so that rate limits stay true."""

from aiops import steps
from tasks import services
from workers import lifecycle
from workers.draining import serve

DELIVER_SECONDS = 1.0


def _deliver() -> None:
    steps.deliver(services.notification())


if __name__ == "__main__":
    lifecycle.every(DELIVER_SECONDS, "voice", _deliver)
    serve("notify", pool="solo")
