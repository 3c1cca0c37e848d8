"""The catalogue of remediations, read from ``ansible/playbooks/<id>.meta.yml``, and the check of every parameter.

A manifest is Ansible's own argument-spec file for plays with an ``aiops:`` block inside the spec. What it says is taken
literally: a field we do not know, a string without a pattern or a playbook without a manifest is an error.
"""

from pathlib import Path

from aiops.remediations.given import check_given, given_for
from aiops.remediations.manifest import load, names, resolve
from aiops.remediations.params import bind, check_params, schema_for_llm

SHIPPED = Path(__file__).resolve().parents[2] / "ansible" / "playbooks"
"""The catalogue of this repository."""

__all__ = [
    "SHIPPED",
    "bind",
    "check_given",
    "check_params",
    "given_for",
    "load",
    "names",
    "resolve",
    "schema_for_llm",
]
