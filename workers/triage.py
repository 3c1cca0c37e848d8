"""CT190 "hermes" thinks: drains ``triage``, asks the LLM; holds no key and no ledger. The only process that loads litellm."""

from tasks import services
from workers import lifecycle
from workers.draining import serve

LOOK_SECONDS = 60.0
"""A key that is missing at the start is looked for again so often; once the providers are there, looking costs nothing."""


def _load_providers() -> None:
    services.triage()


if __name__ == "__main__":
    # litellm takes seconds to load: before the first question, not while an incident waits.
    lifecycle.every(LOOK_SECONDS, "llm", _load_providers)
    serve("triage", pool="threads", concurrency=2)
