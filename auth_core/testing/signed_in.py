"""A person with a session, in the hands of a test."""

from typing import TYPE_CHECKING

import msgspec

from auth_core.kernel import SessionId
from auth_core.testing.jose import decoded
from auth_core.tokens import AccessClaims, SignedIn
from auth_core.users import User

if TYPE_CHECKING:
    from auth_core.testing.kit import Kit


class SignedInUser:
    """The tokens of one session, and what may happen to it."""

    def __init__(self, kit: "Kit", signed_in: SignedIn) -> None:
        self._kit = kit
        self._take(signed_in)

    def __repr__(self) -> str:
        return f"SignedInUser({self.user.username.value!r}, session_id={self.session_id!r})"

    def _take(self, signed_in: SignedIn) -> None:
        self.user: User = signed_in.user
        self.session_id: SessionId = signed_in.tokens.session_id
        self.access_token: str = signed_in.tokens.access_token
        self.refresh_token: str = signed_in.tokens.refresh_token

    @property
    def headers(self) -> dict[str, str]:
        """``Authorization`` with the access token."""
        return {"Authorization": f"Bearer {self.access_token}"}

    @property
    def claims(self) -> AccessClaims:
        """What the access token says."""
        return msgspec.json.decode(decoded(self.access_token.split(".")[1]), type=AccessClaims)

    def refresh(self) -> None:
        """Redeem the refresh token; both tokens are new afterwards. Raises InvalidRefreshToken."""
        self._take(self._kit.run(self._kit.core.refresh.redeem(self.refresh_token)))

    def log_out(self) -> None:
        """End this session: its access token is refused from now on, before it expires."""
        self._kit.run(self._kit.people.log_out(self.user, self.session_id))

    def log_out_everywhere(self) -> None:
        """End every session of the user."""
        self._kit.run(self._kit.people.log_out_everywhere(self.user))

    def disable(self) -> None:
        """An operator shuts the user out."""
        self._kit.run(self._kit.people.disable(self.user))

    def delete(self) -> None:
        """An operator closes the account."""
        self._kit.run(self._kit.people.delete(self.user))

    def change_password(self) -> None:
        """The account gets another password, which ends every session."""
        self._kit.run(self._kit.people.change_password(self.user))
