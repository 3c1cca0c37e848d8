"""Files for Ansible that hold data, never templates.

Ansible templates what it reads: a parameter ``{{ lookup('pipe', 'touch x') }}`` given as an extra variable runs on the machine
that runs Ansible, before any assertion (measured). A string tagged ``!unsafe`` is never templated.
"""

import json
from collections.abc import Mapping
from typing import Any

import yaml


class _UnsafeDumper(yaml.SafeDumper):
    """Every string becomes ``!unsafe "..."``."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - an alias could carry a value past its tag
        return True


def _unsafe(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("!unsafe", text, style='"')


_UnsafeDumper.add_representer(str, _unsafe)


def unsafe_yaml(values: Mapping[str, Any]) -> str:
    """The mapping as YAML in which every string value, at any depth, is tagged ``!unsafe``.

    Keys are quoted, for a host may be called ``on`` or ``101``; Ansible never templates them.
    """
    return _value(values)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {_value(inner).strip()}" for key, inner in value.items()) + "}\n"
    return yaml.dump(
        value, Dumper=_UnsafeDumper, default_flow_style=True, allow_unicode=False, width=1_000_000, explicit_end=False
    ).removesuffix("...\n")
