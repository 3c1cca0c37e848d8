"""The shapes that the test server holds both sides to are those of the published file."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.semaphore.shapes import BEYOND, SHAPES, complaints

_ROOT = Path(os.environ.get("AIOPS_REFERENCE") or Path(__file__).resolve().parents[3] / "shared" / "reference")
PUBLISHED = _ROOT / "specs" / "semaphore" / "api-docs.yml"


def _published(name: str) -> dict[str, Any]:
    whole = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    if name == "TaskRequest":
        return whole["paths"]["/project/{project_id}/tasks"]["post"]["parameters"][0]["schema"]["properties"]  # type: ignore[no-any-return]
    return whole["definitions"][name]["properties"]  # type: ignore[no-any-return]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without the folder there is nothing to compare with, and pytest prints why."""
    if "published_name" not in metafunc.fixturenames:
        return
    missing = pytest.mark.skip(reason=f"the published API is left out: no {PUBLISHED}; set AIOPS_REFERENCE")
    marks = [] if PUBLISHED.is_file() else [missing]
    metafunc.parametrize("published_name", [pytest.param(name, marks=marks) for name in sorted(SHAPES)])


def test_every_field_is_published_or_named_as_one_that_is_not(published_name: str) -> None:
    ours, theirs = SHAPES[published_name]["properties"], _published(published_name)
    beyond = set(ours) - set(theirs)
    assert beyond <= BEYOND[published_name]
    for name in set(ours) & set(theirs):
        kinds = ours[name]["type"]
        assert theirs[name].get("type", kinds) == kinds, name


def test_a_request_with_a_field_of_another_kind_is_found() -> None:
    assert complaints("TaskRequest", {"template_id": 1, "dry_run": True}) == []
    assert complaints("TaskRequest", {"template_id": "1"})
    assert complaints("TaskRequest", {"template_id": 1, "inventory": "x"})
    assert complaints("Task[]", [{"id": 1, "template_id": 1, "status": None}])
