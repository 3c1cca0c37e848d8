"""Skills: known fixes as Markdown in the Agent Skills form (``<name>/SKILL.md``), read strictly and compared with findings."""

from pathlib import Path

from aiops.skills.loading import load, parse
from aiops.skills.matching import fits
from aiops.skills.writing import draft, name_of

SHIPPED = Path(__file__).resolve().parents[2] / "skills"
"""The skills of this repository."""

__all__ = ["SHIPPED", "draft", "fits", "load", "name_of", "parse"]
