"""The error tree. Each leaf has a stable wire code; its HTTP status is the edge's business.

``message`` is written for the person who made the request. It never carries a token, a password,
SQL, a path or a version.
"""

from typing import ClassVar

import msgspec


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with one field: ``type`` is stable (``too_short``), ``message`` is prose.

    ``source`` is where the field stood: in the ``body`` or the ``query``.
    """

    field: str
    type: str
    message: str
    source: str = "body"


class AuthCoreError(Exception):
    """Base of everything the core raises on purpose."""

    code: ClassVar[str] = "internal_error"
    default_message: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.default_message
        super().__init__(self.message)


class InvalidInput(AuthCoreError):
    """Input that breaks a rule; ``problems`` names every field at fault."""

    code = "validation_failed"
    default_message = "The request is not valid."

    def __init__(self, *problems: FieldProblem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))


class Unauthenticated(AuthCoreError):
    """The caller is not who they need to be."""

    code = "authentication_required"
    default_message = "Sign in and send the access token as a bearer token."


class AuthenticationRequired(Unauthenticated):
    """No credential was presented."""


class AuthenticationFailed(Unauthenticated):
    """Unknown user, wrong password, an account that may not sign in: one answer (SEC-01)."""

    code = "authentication_failed"
    default_message = "The user name or the password is wrong."


class InvalidToken(Unauthenticated):
    """A token that is malformed, forged, of the wrong kind, or whose session has ended."""

    code = "invalid_token"
    default_message = "The access token is not valid. Sign in again."


class TokenExpired(InvalidToken):
    """A genuine token whose time is over."""

    code = "token_expired"
    default_message = "The access token has expired. Sign in again."


class InvalidRefreshToken(Unauthenticated):
    """A refresh token that is forged, expired, used up, or of a session that is over."""

    code = "invalid_refresh_token"
    default_message = "The refresh token is not valid. Sign in again."


class InsufficientAuthentication(Unauthenticated):
    """The caller proved who they are too long ago for this (RFC 9470 §3). ``max_age``: seconds."""

    code = "insufficient_user_authentication"
    default_message = "This needs a recent sign-in. Confirm your password, then try again."

    def __init__(self, *, max_age: int, message: str | None = None) -> None:
        self.max_age = max_age
        super().__init__(message)


class InvalidClient(Unauthenticated):
    """A registered caller did not prove who it is (RFC 6749 §5.2)."""

    code = "invalid_client"
    default_message = "Send the client id and the client secret with HTTP Basic."


class InvalidRequest(AuthCoreError):
    """An OAuth request that lacks, repeats or garbles a parameter (RFC 6749 §5.2)."""

    code = "invalid_request"
    default_message = "The request lacks a parameter, or has one twice."


class OneTimeSecretRefused(AuthCoreError):
    """What was sent by mail does not work: never issued, used, void or too old; one answer."""


class InvalidLink(OneTimeSecretRefused):
    """The token of a mailed link opens nothing."""

    code = "invalid_or_expired_link"
    default_message = "This link does not work any more. Ask for a new one."


class InvalidCode(OneTimeSecretRefused):
    """Wrong, used or too old, or tried too often, or for another challenge."""

    code = "invalid_code"
    default_message = "This code is wrong or does not work any more. Ask for a new one."


class PermissionDenied(AuthCoreError):
    """The caller is known and may not do this."""

    code = "permission_denied"
    default_message = "You are not allowed to do this."


class ImpersonationRefused(PermissionDenied):
    """Nobody does this in another person's name (SEC-70)."""

    code = "impersonation_refused"
    default_message = "This cannot be done while acting for another user."


class PasswordChangeRequired(PermissionDenied):
    """The right password, which an administrator wants changed before anything else."""

    code = "password_change_required"
    default_message = "Your password must be changed before you can sign in."


class RegistrationClosed(PermissionDenied):
    """The deployment does not take registrations."""

    code = "registration_closed"
    default_message = "Registration is closed. Ask an administrator for an account."


class ReauthenticationFailed(PermissionDenied):
    """A signed-in caller did not prove that they know the password. Their session is fine."""

    code = "reauthentication_failed"
    default_message = "The password is wrong."


class NotFound(AuthCoreError):
    """There is no such object, or none that the caller may know of."""

    code = "not_found"
    default_message = "There is nothing here."


class UserNotFound(NotFound):
    """There is no such user."""

    code = "user_not_found"
    default_message = "There is no such user."


class KeyNotFound(NotFound):
    """There is no such signing key."""

    code = "key_not_found"
    default_message = "There is no signing key with this id."


class Conflict(AuthCoreError):
    """The request is fine and the state of things forbids it."""

    code = "conflict"
    default_message = "The request conflicts with the current state."


class UsernameTaken(Conflict):
    """Another account has this canonical user name."""

    code = "username_taken"
    default_message = "This user name is taken. Choose another one."


class EmailTaken(Conflict):
    """Another account has this canonical e-mail address."""

    code = "email_taken"
    default_message = "This e-mail address is already registered."


class ConcurrentUpdate(Conflict):
    """Somebody else changed the object since it was read; nothing was written."""

    code = "concurrent_update"
    default_message = "The object changed in the meantime. Read it again and retry."


class LifecycleConflict(Conflict):
    """The object's status does not lead to the one that was asked for."""

    code = "lifecycle_conflict"


class LastAdministrator(Conflict):
    """Without this account nobody could administrate."""

    code = "last_administrator"
    default_message = (
        "This is the last administrator. Make another one first: give somebody the role, or run"
        " `fm-auth user promote NAME`."
    )


class PreconditionFailed(AuthCoreError):
    """The object is not the version that the change was meant for (RFC 9110 §13.1.1)."""

    code = "precondition_failed"
    default_message = "The object changed since you read it. Read it again, then repeat the change."


class KeySpent(Conflict):
    """A signing key that has left the ring never comes back."""

    code = "key_spent"
    default_message = "This key was in use before and has left the ring. Bring another one."


class TooManyRequests(AuthCoreError):
    """A limit was reached; ``retry_after`` is in whole seconds.

    If it is known, ``limit`` is how many requests it has, and ``reset`` the seconds until all of
    them are free again.
    """

    code = "too_many_requests"
    default_message = "Too many requests. Wait and try again."

    def __init__(
        self,
        *,
        retry_after: int,
        message: str | None = None,
        limit: int | None = None,
        reset: int | None = None,
    ) -> None:
        self.retry_after = retry_after
        self.limit = limit
        self.reset = reset
        super().__init__(message)


class Unavailable(AuthCoreError):
    """A dependency is down or overloaded; nothing was half-written. ``retry_after`` in seconds."""

    code = "service_unavailable"
    default_message = "The service cannot answer right now. Try again shortly."

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class Misconfigured(AuthCoreError):
    """The deployment is wrong and an operator must act; the message says how."""

    code = "misconfigured"


class WrongMasterKey(Misconfigured):
    """A sealed value cannot be opened with the master key at hand (SEC-46)."""

    code = "wrong_master_key"


class KeyTampered(Misconfigured):
    """A stored public key is not the one of the private key that is sealed beside it (SEC-46)."""

    code = "key_tampered"
