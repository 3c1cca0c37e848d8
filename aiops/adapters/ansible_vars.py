"""Files for Ansible that hold data, never templates.

Ansible templates what it reads: a parameter ``{{ lookup('pipe', 'touch x') }}`` given as an extra variable runs on the machine
that runs Ansible, before any assertion (measured). Nothing below a node tagged ``!unsafe`` is ever templated.
"""

from collections.abc import Mapping
from typing import Any

import yaml


class _QuotingDumper(yaml.SafeDumper):
    """Every string in double quotes: a parameter may be ``yes`` and a host may be called ``on`` or ``101``."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - an alias could carry a value out of its place
        return True


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_QuotingDumper.add_representer(str, _quoted)


def unsafe_yaml(values: Mapping[str, Any]) -> str:
    """The mapping as one YAML node tagged ``!unsafe``.

    The tag stands before the whole, not before each string: ansible-core 2.19 reads a string that is tagged itself once
    more, and makes ``!unsafe "yes"`` a boolean.
    """
    text = yaml.dump(dict(values), Dumper=_QuotingDumper, default_flow_style=True, sort_keys=False, width=1_000_000)
    return f"!unsafe {text}"
