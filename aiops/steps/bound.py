"""A remediation's parameters for one finding: from the finding, and from what the operator says of the playbook there."""

from aiops.domain.finding import Finding
from aiops.domain.host import Host
from aiops.domain.remediation import ParamValue, Remediation
from aiops.errors import AiopsError
from aiops.ports import IncidentServices
from aiops.remediations import bind, given_for


def bound(remediation: Remediation, finding: Finding, services: IncidentServices) -> dict[str, ParamValue]:
    """The parameters.

    :raises UnknownError: the remediation does not fix this finding
    :raises RefusedError: ``params`` when finding and operator do not give what the manifest needs
    """
    try:
        host = services.inventory.find(finding.host)
    except AiopsError:
        host = Host(name=finding.host)  # one that left the inventory, or none at all: nothing is said of it
    return bind(remediation, finding, given_for(remediation, host, services.given))


def fills(remediation: Remediation, finding: Finding, services: IncidentServices) -> bool:
    """Whether it fixes the finding and all its parameters are known."""
    try:
        bound(remediation, finding, services)
    except AiopsError:
        return False
    return True
