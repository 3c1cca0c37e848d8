"""What each trust domain's tasks work with, built once per process and never before a fork."""

import os
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from aiops import bootstrap
from aiops.ports import DetectionServices, IncidentServices, NotifyServices, RemediationServices, TriageServices
from aiops.settings import load_settings

Services = TypeVar("Services")


@cache
def _built(build: Callable[..., Services], process: int) -> Services:  # noqa: ARG001 - a forked child has to build its own
    return build(load_settings())


def detection() -> DetectionServices:
    """CT192's."""
    return _built(bootstrap.detection, os.getpid())


def incidents() -> IncidentServices:
    """CT190's, the deciding side."""
    return _built(bootstrap.incidents, os.getpid())


def triage() -> TriageServices:
    """CT190's, the thinking side."""
    return _built(bootstrap.triage, os.getpid())


def remediation() -> RemediationServices:
    """CT196's."""
    return _built(bootstrap.remediation, os.getpid())


def notification() -> NotifyServices:
    """The voice."""
    return _built(bootstrap.notification, os.getpid())
