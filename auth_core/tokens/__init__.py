"""Tokens: claims, minting, verification, and the sign-in that leads to them."""

from auth_core.tokens.access_token import AccessTokenVerification
from auth_core.tokens.authenticator import Authenticator, Principal
from auth_core.tokens.bearer import bearer_challenge, bearer_token
from auth_core.tokens.claims import (
    ACCESS_TYPE,
    REFRESH_TYPE,
    AccessClaims,
    ActorClaim,
    RefreshClaims,
)
from auth_core.tokens.introspection import LiveToken, TokenIntrospection
from auth_core.tokens.issuer import TokenIssuer, TokenPair
from auth_core.tokens.organization_switch import (
    OrganizationSwitch,
    OrganizationSwitchUnitOfWork,
)
from auth_core.tokens.permissions_claim import PermissionsClaim
from auth_core.tokens.ports import TokenSigner
from auth_core.tokens.reauthentication import Reauthentication
from auth_core.tokens.refresh import RefreshGrant
from auth_core.tokens.refresh_token import RefreshTokenReader
from auth_core.tokens.sign_in import (
    BY_PASSWORD,
    SignedIn,
    SignIn,
    SignInPolicy,
    SignInUnitOfWork,
)
from auth_core.tokens.verified import VerifiedTokens

__all__ = [
    "ACCESS_TYPE",
    "BY_PASSWORD",
    "REFRESH_TYPE",
    "AccessClaims",
    "AccessTokenVerification",
    "ActorClaim",
    "Authenticator",
    "LiveToken",
    "OrganizationSwitch",
    "OrganizationSwitchUnitOfWork",
    "PermissionsClaim",
    "Principal",
    "Reauthentication",
    "RefreshClaims",
    "RefreshGrant",
    "RefreshTokenReader",
    "SignIn",
    "SignInPolicy",
    "SignInUnitOfWork",
    "SignedIn",
    "TokenIntrospection",
    "TokenIssuer",
    "TokenPair",
    "TokenSigner",
    "VerifiedTokens",
    "bearer_challenge",
    "bearer_token",
]
