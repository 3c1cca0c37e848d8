"""Signatures and permits: what makes an order one."""

from typing import Protocol

from aiops.domain.plan import ApprovedPlan, SignedPlan
from aiops.domain.session import Grant, SignedGrant
from aiops.domain.talk import Said, SignedSaid


class Signer(Protocol):
    """Holds the signing key: only ``incidents`` has one."""

    @property
    def key(self) -> str:
        """The public key's name."""

    def sign_text(self, purpose: str, text: str) -> str:
        """Sign any text for a purpose; returns the signature in hex."""

    def sign(self, approved: ApprovedPlan) -> SignedPlan:
        """Sign the canonical text of the approved plan."""

    def sign_grant(self, grant: Grant) -> SignedGrant:
        """Sign the canonical text of a grant; it can never pass for a plan."""


class Verifier(Protocol):
    """Holds the public keys: only ``remediation`` needs one."""

    def verify(self, signed: SignedPlan) -> ApprovedPlan:
        """Check the signature over the text, then parse it.

        :raises RefusedError: ``signature`` when it does not hold, ``payload`` when the text is no approved plan
        """

    def holds(self, purpose: str, text: str, signature: str, key: str) -> bool:
        """Whether a trusted key signed exactly this text for this purpose."""

    def why_not(self, what: str, key: str) -> str:
        """Why something signed by the key of that name was refused, for a human."""


class Mouthpiece(Protocol):
    """Holds the key of the ears: only ``listen`` has one."""

    def sign_said(self, said: Said) -> SignedSaid:
        """Sign the canonical text of what a human said."""


class Hearing(Protocol):
    """Holds the public key of the ears: only ``incidents`` needs one."""

    def verify_said(self, signed: SignedSaid) -> Said:
        """Check the signature over the text, then parse it.

        :raises RefusedError: ``signature`` when it does not hold, ``payload`` when the text is nothing that was said
        """


class PermitOffice(Protocol):
    """Issues the permit that a start needs: only ``incidents`` has it."""

    def renew(self) -> None:
        """Issue a fresh permit, valid for less than a second.

        :raises BusError: Redis does not answer
        """

    def revoke(self) -> None:
        """Take the permit away at once."""


class Permit(Protocol):
    """The reading end of the permit."""

    def valid(self) -> bool:
        """Whether a fresh, rightly signed permit lies there now. False when Redis does not answer."""
