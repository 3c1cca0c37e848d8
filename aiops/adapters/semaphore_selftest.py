"""What ``aiops doctor`` tries of Semaphore: the token, and every template that a repair may need. Nothing is started."""

from collections.abc import Mapping
from typing import get_args

from aiops.adapters.semaphore_api import SemaphoreApi, SemaphoreError
from aiops.adapters.semaphore_guard import Expected, against_template
from aiops.domain.remediation import Remediation, Risk
from aiops.errors import SettingsError


def semaphore_answers(
    api: SemaphoreApi, expected: Expected, catalogue: Mapping[str, Remediation], from_risk: Risk
) -> str:
    """The server's version and how many templates fit.

    :raises SemaphoreError: it does not answer, or does not take the token
    :raises SettingsError: a playbook that goes through Semaphore has no template, or one that would do something else
    """
    rising = get_args(Risk)
    version = api.version()
    wanted = {name for name, entry in catalogue.items() if rising.index(entry.risk) >= rising.index(from_risk)}
    troubles = [f"{name} has no template, so it is refused" for name in sorted(wanted - set(expected.templates))]
    troubles += [f"{name} is not in the catalogue" for name in sorted(set(expected.templates) - set(catalogue))]
    for name in sorted(set(expected.templates) & set(catalogue)):
        try:
            unfit = against_template(api.template(expected.templates[name]), name, expected)
        except SemaphoreError as error:
            unfit = error.reason
        if unfit:
            troubles.append(f"template {expected.templates[name]} for {name}: {unfit}")
    if troubles:
        raise SettingsError("semaphore.templates", "; ".join(troubles))
    return f"version {version}, {len(expected.templates)} templates fit, from risk {from_risk}"
