"""Where other people's labelled cases are, if they are here."""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("AIOPS_REFERENCE") or Path(__file__).parents[3] / "shared" / "reference")
