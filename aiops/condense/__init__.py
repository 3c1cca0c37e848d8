"""What a tool printed, made short enough to be read or asked about: deterministic, and without a model.

    short = condense(text, "apt-get -y dist-upgrade", exit_code=0)
    short.text        # what is shown; under 25 lines nothing is changed
    short.digest      # finds the whole text again: `aiops raw DIGEST`

Lines are dropped, verdicts, errors and exit codes never. The last line says how many lines were left out.
"""

from aiops.condense.condensed import SHORT, Condensed, condense, digest_of
from aiops.condense.recognise import recognise
from aiops.condense.squeeze import squeeze

__all__ = ["SHORT", "Condensed", "condense", "digest_of", "recognise", "squeeze"]
