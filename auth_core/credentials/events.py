"""Events of attempts to sign in."""

from auth_core.kernel import DomainEvent


class CredentialStuffingSuspected(
    DomainEvent, frozen=True, kw_only=True, tag="security.credential_stuffing_suspected"
):
    """One network failed to sign in to ``accounts`` different accounts in ``window`` seconds.

    ``source`` is the /24 or /48 of the address; which accounts they were is kept nowhere.
    """

    user_id: None = None
    source: str
    accounts: int
    window: int
