"""The prompts that agents of others are given name tools, guardians and playbooks that there are."""

import re

import pytest

from aiops import remediations
from aiops.ports.offers import Ritual
from aiops.steps import detectors
from tasks.offers import counter

COUNTER = counter()
TOOLS = {offer.name for offer in COUNTER.offers}
KNOWN = TOOLS | set(remediations.load(remediations.SHIPPED))


@pytest.mark.parametrize("ritual", COUNTER.rituals, ids=lambda ritual: ritual.name)
def test_a_prompt_names_only_what_there_is_and_ends_with_a_human(ritual: Ritual) -> None:
    named = set(re.findall(r"`([a-z_]+)`", ritual.text))
    assert named & TOOLS
    assert named <= KNOWN
    assert "a human decides about every plan" in ritual.text


def test_the_guardians_that_the_audit_wants_to_look_are_guardians() -> None:
    (audit,) = [ritual for ritual in COUNTER.rituals if ritual.name == "audit"]
    listed = re.search(r"with the guardians (.+) for that host", audit.text)
    assert listed
    assert set(re.split(r", | and ", listed[1])) <= set(detectors())
