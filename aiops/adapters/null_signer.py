"""Nothing is signed and nothing is permitted: what a replay runs with."""

from aiops.domain.plan import ApprovedPlan, SignedPlan
from aiops.domain.session import Grant, SignedGrant


class NullSigner:
    """Ports ``Signer`` and ``PermitOffice``. What it hands out is refused everywhere."""

    key = ""

    def sign_text(self, purpose: str, text: str) -> str:  # noqa: ARG002 - the port's
        """No signature."""
        return ""

    def sign(self, approved: ApprovedPlan) -> SignedPlan:
        """A plan without text and signature."""
        return SignedPlan(payload="", signature="", key="", incident=approved.plan.incident)

    def sign_grant(self, grant: Grant) -> SignedGrant:
        """A grant without text and signature."""
        return SignedGrant(payload="", signature="", key="", incident=grant.incident)

    def renew(self) -> None:
        """No permit."""

    def revoke(self) -> None:
        """There is none."""
