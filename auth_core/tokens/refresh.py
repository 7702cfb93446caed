"""Redeeming a refresh token (RFC 6749 §6)."""

from auth_core.kernel import InvalidRefreshToken, SessionId, UserId
from auth_core.sessions import PresentedToken, RefreshRotation
from auth_core.tokens.issuer import TokenIssuer
from auth_core.tokens.refresh_token import RefreshTokenReader
from auth_core.tokens.sign_in import SignedIn


class RefreshGrant:
    """From a refresh token to the next pair of tokens of its session."""

    def __init__(
        self, reader: RefreshTokenReader, rotation: RefreshRotation, tokens: TokenIssuer
    ) -> None:
        self._reader = reader
        self._rotation = rotation
        self._tokens = tokens

    async def redeem(self, refresh_token: str, *, client_id: str | None = None) -> SignedIn:
        """The next tokens, for the client that the session is bound to, if it is to one.

        Every caller who races or retries with a token gets the same new refresh token. Raises
        InvalidRefreshToken (after a reuse has been committed and reported) or Unavailable.
        """
        keys = await self._tokens.signing_keys()
        claims = await self._reader.read_expired(refresh_token)
        if self._reader.has_expired(claims):
            await self._rotation.expire(UserId(claims.sub), SessionId(claims.sid))
            raise InvalidRefreshToken
        rotated = await self._rotation.rotate(
            PresentedToken(
                user_id=UserId(claims.sub),
                session_id=SessionId(claims.sid),
                counter=claims.ctr,
                client_id=client_id,
            )
        )
        user, session = rotated.user, rotated.session
        return SignedIn(user, self._tokens.issue(user, session, keys, grants=rotated.grants))
