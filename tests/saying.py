"""A line of the report that a test writes: a figure says more than a dot."""

import sys
from collections.abc import Callable

import pytest

_SAID = "said"
"""The property of a test's report that carries what it said."""


@pytest.fixture
def say(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Write a line now; in a process of pytest-xdist, which has no terminal, as soon as the test is over."""
    writer = request.config.get_terminal_writer()

    def line(text: str) -> None:
        if hasattr(request.config, "workeroutput"):
            request.node.user_properties.append((_SAID, text))
            return
        with capsys.disabled():
            writer.line(f"\n{text}")

    return line


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown" and hasattr(report, "node"):
        for name, text in report.user_properties:
            if name == _SAID:
                sys.stdout.write(f"\n{text}\n")
