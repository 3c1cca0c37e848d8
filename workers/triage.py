"""CT190 "hermes" thinks: drains ``triage``, asks the LLM; holds no key and no ledger. The only process that loads litellm."""

from workers import serve

if __name__ == "__main__":
    serve("triage", pool="threads", concurrency=2)
