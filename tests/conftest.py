"""What every test may use, and what happens where a machine lacks something: tests are left out and named, never passed."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lab.run import requirements

pytest_plugins = ("tests.servers", "tests.system", "tests.saying")


_PROGRAMS = {
    "mosquitto": ("mosquitto", "mosquitto is not installed"),
    "alertmanager": ("prometheus-alertmanager", "prometheus-alertmanager is not installed"),
    "promtool": ("promtool", "promtool is not installed: it is in Debian's prometheus"),
    "victoriametrics": ("victoria-metrics", "victoria-metrics is not installed"),
    "bubblewrap": ("bwrap", "bubblewrap is not installed, so sessions are not confined here"),
    "sudo": ("visudo", "sudo is not installed"),
}
"""Per marker the program that its tests need, and what is said where it is missing."""


def _missing() -> dict[str, str]:
    """Per marker, why its tests cannot run here."""
    found: dict[str, str] = {}
    if reasons := requirements():
        found["lab"] = "; ".join(reasons)
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    if os.geteuid() != 0 or not shutil.which("sshd", path=path):
        found["root"] = "they need root and sshd: the fence on a host belongs to root"
    for marker, (program, reason) in _PROGRAMS.items():
        if not shutil.which(program, path=path):
            found[marker] = reason
    if not (Path(__file__).parents[1] / ".venv-dashboard" / "bin" / "python").exists():
        found["dashboard"] = "the dashboard's generator is installed by `make dashboard`"
    if find_spec("litellm") is None:
        found["litellm"] = (
            "litellm is installed only where triage runs; `make test` runs these in an environment of their own"
        )
    if not (Path(__file__).parents[1] / ".venv-mcp" / "node" / "node_modules").is_dir():
        found["strangers"] = "MCP servers of others are installed by `make mcp`"
    if find_spec("mcp") is None:
        found["mcp"] = "the MCP SDK is not installed: pip install -r constraints/dev.txt"
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = _missing()
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in missing)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
    config.stash[_LEFT_OUT] = {
        f"{sum(1 for item in left_out if item.get_closest_marker(marker))} tests marked {marker}": reason
        for marker, reason in missing.items()
    }


_LEFT_OUT = pytest.StashKey[dict[str, str]]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist hands what it left out to the one that writes the report."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for what, reason in config.stash.get(_LEFT_OUT, {}).items():
        if not what.startswith("0 "):
            terminalreporter.write_line(f"left out, not passed: {what}: {reason}", yellow=True)
