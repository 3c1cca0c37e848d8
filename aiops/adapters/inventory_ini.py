"""An Ansible inventory in the INI form, as the tree of nodes that a YAML one gives: one reader for both."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from yaml import MappingNode, Mark, Node, ScalarNode

from aiops.errors import SettingsError

_SECTION = re.compile(r"\[(?P<group>[^\]:]+)(?::(?P<part>vars|children|hosts))?\]\s*(?:[#;].*)?$")
_PORT = re.compile(r"(?P<name>.*[^:\]\d]|.*[^:]):(?P<port>\d{1,5})")


@dataclass
class _Section:
    line: int
    hosts: list[tuple[Node, Node]] = field(default_factory=list)
    children: list[tuple[Node, Node]] = field(default_factory=list)
    vars: list[tuple[Node, Node]] = field(default_factory=list)


def is_ini(path: Path, text: str) -> bool:
    """By its name, or because its first line that says something is a section or a plain host line."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    if path.suffix in {".ini", ".cfg"} or _SECTION.fullmatch(first):
        return True
    return path.suffix == "" and bool(first) and not re.match(r"(---|\{|[\w.\"'-]+\s*:(\s|$))", first)


def compose(path: Path, text: str) -> MappingNode:
    """The groups of the file; hosts above the first section are ungrouped.

    :raises SettingsError: a line is no part of an inventory; with its number
    """
    sections: dict[str, _Section] = {}
    group, part = "ungrouped", "hosts"
    for number, raw in enumerate(text.splitlines()):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            match = _SECTION.fullmatch(line)
            if match is None:
                raise SettingsError(f"{path}:{number + 1}", f"this is no section: {line[:60]}")
            group, part = match["group"].strip(), match["part"] or "hosts"
            sections.setdefault(group, _Section(number))
            continue
        section = sections.setdefault(group, _Section(number))
        if part == "vars":
            section.vars.append(_assignment(path, line, number))
        else:
            getattr(section, part).append(_entry(path, line, number))
    return _map([(_scalar(name, section.line), _group(section)) for name, section in sections.items()], 0)


def _group(section: _Section) -> MappingNode:
    parts = {"hosts": section.hosts, "children": section.children, "vars": section.vars}
    given: list[tuple[Node, Node]] = [
        (_scalar(name, section.line), _map(pairs, section.line)) for name, pairs in parts.items() if pairs
    ]
    return _map(given, section.line)


def _entry(path: Path, line: str, number: int) -> tuple[Node, Node]:
    """``web1 ansible_host=10.0.0.1 note="a b"``: a name and its variables."""
    try:
        name, *rest = shlex.split(line, comments=True)
    except ValueError as error:
        raise SettingsError(f"{path}:{number + 1}", f"{error}: {line[:60]}") from error
    own: list[tuple[Node, Node]] = []
    port = _PORT.fullmatch(name)
    if port and name.count(":") == 1:
        name = port["name"]
        own.append((_scalar("ansible_port", number), _scalar(port["port"], number)))
    for word in rest:
        key, sign, value = word.partition("=")
        if not sign:
            raise SettingsError(f"{path}:{number + 1}", f"{word!r} is no variable: write name=value")
        own.append((_scalar(key, number), _scalar(value, number)))
    return _scalar(name, number), _map(own, number)


def _assignment(path: Path, line: str, number: int) -> tuple[Node, Node]:
    key, sign, value = line.partition("=")
    if not sign:
        raise SettingsError(f"{path}:{number + 1}", f"{line[:60]!r} is no variable: write name=value")
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return _scalar(key.strip(), number), _scalar(value, number)


def _scalar(value: str, line: int) -> ScalarNode:
    return ScalarNode("tag:yaml.org,2002:str", value, _mark(line), _mark(line))


def _map(pairs: list[tuple[Node, Node]], line: int) -> MappingNode:
    return MappingNode("tag:yaml.org,2002:map", pairs, _mark(line), _mark(line))


def _mark(line: int) -> Mark:
    return Mark("inventory", 0, line, 0, None, 0)
