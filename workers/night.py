"""CT190's night work: drains ``night``, reads strangers' texts, holds the site's token and a git key; no ledger, no signing key.

It may push to ``incidents`` (a report) and ``triage`` (a batch of feeds) alone.
"""

from workers.draining import serve

if __name__ == "__main__":
    serve("night", pool="solo")
