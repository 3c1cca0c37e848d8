"""Without the folder of labelled cases nothing here is collected, and the summary says so."""

from pathlib import Path

import pytest

from tests.reference import FOLDER


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    return True if collection_path.name.startswith("test_") and not FOLDER.is_dir() else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FOLDER.is_dir():
        terminalreporter.write_line(
            f"tests/reference was left out: there is no {FOLDER.name} folder; name it with AIOPS_REFERENCE"
        )
