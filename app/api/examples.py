"""The example values of the OpenAPI document. `answer`, `body` and `errors` check them (responses).

Plain JSON, because the types stand beside their handlers; no password, and no token that works.
"""

from typing import Final

Json = dict[str, object]

_VERSION: Final = "1.0.0"
_ISSUER: Final = "https://auth.example.com"

REQUEST_ID: Final = "0198f3a1-7c5e-7d10-9b1f-5a1f0c2d3e4f"

REGISTRATION: Final[Json] = {
    "username": "john.doe",
    "email": "john.doe@example.com",
    "display_name": "John Doe",
}
LOGIN: Final[Json] = {"username": "john.doe"}
REFRESH: Final[Json] = {"refresh_token": "eyJhbGciOiJIUzI1NiIs…"}
PROFILE_CHANGES: Final[Json] = {"display_name": "John Q. Doe", "locale": "en-GB"}

USER: Final[Json] = {
    "user_id": "0198f39e-2b7c-7a44-8c53-1f6f0a9be2d1",
    "username": "john.doe",
    "email": "john.doe@example.com",
    "display_name": "John Doe",
    "created_at": "2026-01-15T09:30:00.123456+00:00",
    "is_dev_user": False,
    "is_active": True,
    "roles": ["user"],
    "is_admin": False,
}
PROFILE: Final[Json] = {
    **USER,
    "last_login": "2026-01-16T08:00:00.654321+00:00",
    "token_count": 2,
    "email_verified": False,
    "provider": "local",
    "organization": None,
    "locale": "en",
    "time_zone": "Europe/London",
    "picture_url": None,
    "claims": {},
}
RENAMED: Final[Json] = {**PROFILE, **PROFILE_CHANGES}
TOKENS: Final[Json] = {
    "access_token": "eyJhbGciOiJSUzI1NiIs…",
    "token_type": "bearer",
    "expires_in": 3600,
    "expires_at": 1768554000000,
    "refresh_token": "eyJhbGciOiJIUzI1NiIs…",
    "refresh_expires_in": 604800,
    "session_id": "0198f3a1-7c5e-7d10-9b1f-0a4c6e8b9d21",
    "user": USER,
}
_LINK_SENT: Final = "If there is an account for it, a link is on its way."
_CODE_SENT: Final = "If there is an account for it, a code is on its way."
PROOF_NEEDED: Final = "Look into your mail: a link there completes the registration."
REGISTRATION_ACCEPTED: Final[Json] = {"message": PROOF_NEEDED}
TOKEN: Final[Json] = {"token": "3q2-7wAbCdEfGhIjKlMnOpQrStUvWxYz0123456789A"}
EMAIL: Final[Json] = {"email": "john.doe@example.com"}
RESET: Final[Json] = {**TOKEN, "new_password": "… at least 15 characters …"}
PASSWORDS: Final[Json] = {"new_password": "… at least 15 characters …"}
NEW_EMAIL: Final[Json] = {"new_email": "john@example.org"}
AGAIN: Final[Json] = {}
RESTORE: Final[Json] = {"username": "john.doe"}
CHALLENGE: Final = "Zk3x9wAbCdEfGhIjKlMnOpQrStUvWxYz0123456789A"
CODE: Final[Json] = {"challenge_id": CHALLENGE, "code": "123456"}
LINK_SENT: Final[Json] = {"message": _LINK_SENT}
CODE_SENT: Final[Json] = {"message": _CODE_SENT, "challenge_id": CHALLENGE}
ADDRESS_ASKED: Final[Json] = {"message": "Look into the mail of the new address."}
ADDRESS_PROVEN: Final[Json] = {"message": "The address is proven."}
ADDRESS_CHANGED: Final[Json] = {"message": "The address is changed."}
PASSWORD_RESET: Final[Json] = {"message": "The password is changed. Sign in with it."}
LEAVING: Final[Json] = {
    "message": "The account is closed. Until delete_after it can be restored.",
    "delete_after": "2026-02-15T08:00:00.654321+00:00",
}

SCOPES: Final[Json] = {"scopes": ["personal"]}
PERSONAL_DATA: Final[Json] = {
    "schema_version": 1,
    "generated_at": "2026-01-16T08:15:00.123456+00:00",
    "user_id": "0198f39e-2b7c-7a44-8c53-1f6f0a9be2d1",
    "records": {
        "users": [{"username": "john.doe", "email": "john.doe@example.com"}],
        "password_credentials": [{"password_hash": "present"}],
    },
    "truncated": [],
}

LOGOUT: Final[Json] = {
    "message": "Logged out successfully",
    "revoked_tokens": 1,
    "revoked": True,
    "all_sessions_ended": True,
}
REVOKED: Final[Json] = {"message": "Revoked the tokens of 2 sessions", "revoked_tokens": 2}
OTHERS_REVOKED: Final[Json] = {
    "message": "Revoked the tokens of 1 session",
    "revoked_tokens": 1,
}
SESSIONS: Final[Json] = {
    "items": [
        {
            "session_id": "0198f3a1-7c5e-7d10-9b1f-0a4c6e8b9d21",
            "created_at": "2026-01-16T08:00:00.654321+00:00",
            "last_used_at": "2026-01-16T08:15:00.123456+00:00",
            "expires_at": "2026-01-23T08:15:00.123456+00:00",
            "client_id": None,
            "user_agent": "Firefox",
            "ip_address": "192.0.2.0/24",
            "current": True,
            "impersonator_id": None,
        }
    ],
    "next_cursor": None,
}

ACCOUNT: Final[Json] = {
    **USER,
    "status": "active",
    "email_verified": False,
    "last_login": "2026-01-16T08:00:00.654321+00:00",
    "updated_at": "2026-01-15T09:30:00.123456+00:00",
    "delete_after": None,
    "organization_id": None,
    "locale": "en",
    "time_zone": "Europe/London",
    "picture_url": None,
    "claims": {},
    "version": 3,
}
ACCOUNTS: Final[Json] = {"items": [ACCOUNT], "next_cursor": None}
NEW_ACCOUNT: Final[Json] = {
    "username": "jane.roe",
    "email": "jane.roe@example.com",
    "display_name": "Jane Roe",
    "roles": ["user"],
}
ACCOUNT_CHANGES: Final[Json] = {"display_name": "Jane R.", "roles": ["admin", "user"]}
IMPERSONATE: Final[Json] = {"reason": "ticket 4711", "minutes": 30}
DIRECTORY: Final[Json] = {"users": [USER], "total": 1, "truncated": False}
AUDIT_TRAIL: Final[Json] = {
    "items": [
        {
            "id": "019ac1d6-7c9e-7d3a-9d5e-0b4a3f1f7c55",
            "occurred_at": "2026-01-16T08:15:00.123456+00:00",
            "action": "user:roles_changed",
            "result": "success",
            "reason": "requested",
            "user_id": USER["user_id"],
            "actor_id": "019ac1d6-0000-7d3a-9d5e-0b4a3f1f7c56",
            "session_id": None,
            "via_session_id": "019ac1d6-1111-7d3a-9d5e-0b4a3f1f7c57",
            "organization_id": None,
            "target": None,
            "detail": "user -> user,admin",
            "position": 4,
            "hash": "5a0c3f1f9b7e4d2c5a0c3f1f9b7e4d2c5a0c3f1f9b7e4d2c5a0c3f1f9b7e4d2c",
        }
    ],
    "next_cursor": None,
}
USER_DELETED: Final[Json] = {"message": "Deleted john.doe", "user_id": USER["user_id"]}
TOKENS_REVOKED: Final[Json] = {
    "message": "Revoked all tokens of john.doe",
    "revoked_before": "2026-01-16T08:15:00.123456+00:00",
}

SERVICE_INFO: Final[Json] = {
    "service": "fm-auth-service",
    "version": _VERSION,
    "description": "Authentication and user management",
    "docs": "/docs",
    "health": "/health",
}
LIVENESS: Final[Json] = {
    "status": "healthy",
    "service": "fm-auth-service",
    "version": _VERSION,
    "environment": "production",
}
READINESS: Final[Json] = {"status": "ready", "database": "healthy", "redis": "healthy"}
HEALTH: Final[Json] = {
    "status": "degraded",
    "timestamp": "2026-01-16T08:00:00.654321+00:00",
    "services": {
        "redis": "unhealthy",
        "database": "healthy",
        "token_manager": "healthy",
        "user_store": "healthy",
    },
}
CONFIGURATION: Final[Json] = {
    "auth_mode": "local",
    "login_endpoint": "/api/v1/auth/login",
    "register_endpoint": "/api/v1/auth/register",
    "supports_registration": True,
    "oauth": None,
    "provider": "local",
    "login_url": None,
    "features": {
        "supports_registration": True,
        "supports_password_reset": True,
        "supports_email_verification": True,
        "requires_redirect": False,
    },
}

INTROSPECTION: Final[Json] = {
    "active": True,
    "token_type": "Bearer",
    "scope": "personal",
    "username": "john.doe",
    "sub": "0198f39e-2b7c-7a44-8c53-1f6f0a9be2d1",
    "sid": "0198f3a1-7c5e-7d10-9b1f-0a4c6e8b9d21",
    "iss": _ISSUER,
    "aud": "faultmaven-api",
    "jti": "0198f3a1-7c5e-7d10-9b1f-3d2c1b0a9f8e",
    "iat": 1768550400,
    "exp": 1768554000,
}
REVOCATIONS: Final[Json] = {
    "cursor": "1768550400123",
    "as_of": 1768550400123,
    "revocations": [
        {"session_id": "0198f3a1-7c5e-7d10-9b1f-0a4c6e8b9d21", "expires_at": 1768551300}
    ],
}

JWKS: Final[Json] = {
    "keys": [
        {
            "n": "t4jW3vJ0mKc…",
            "e": "AQAB",
            "kty": "RSA",
            "kid": "Xf1nq0cP2vJ3hG5s…",
            "use": "sig",
            "alg": "RS256",
        }
    ]
}
DISCOVERY: Final[Json] = {
    "issuer": _ISSUER,
    "jwks_uri": f"{_ISSUER}/.well-known/jwks.json",
    "id_token_signing_alg_values_supported": ["RS256"],
    "response_types_supported": [],
    "subject_types_supported": ["public"],
    "claims_supported": [
        *("sub", "iss", "aud", "iat", "exp", "jti", "sid", "username", "email"),
        *("email_verified", "roles", "scopes", "organization_id"),
    ],
}

DECISION_POINT: Final[Json] = {
    "policy_decision_point": _ISSUER,
    "access_evaluation_endpoint": f"{_ISSUER}/access/v1/evaluation",
    "access_evaluations_endpoint": f"{_ISSUER}/access/v1/evaluations",
}

_ORGANIZATION_ID: Final = "0198f4b0-1a2b-7c3d-8e4f-5a6b7c8d9e0f"
PERMISSION_CHECK: Final[Json] = {
    "permission": "cases:write",
    "resource": {"organization_id": _ORGANIZATION_ID},
    "explain": True,
}
PERMISSION_DECISION: Final[Json] = {
    "allowed": True,
    "reason": "role",
    "scope": "organization",
    "role": "member",
    "explanation": "The role member in the organization permits cases:write.",
}
EFFECTIVE: Final[Json] = {
    "organization_id": _ORGANIZATION_ID,
    "permissions": ["cases:read", "knowledge_base:read", "organization:read"],
    "platform": [{"role": "user", "permissions": [], "team_id": None}],
    "organization": {
        "role": "viewer",
        "permissions": ["cases:read", "knowledge_base:read", "organization:read"],
        "team_id": None,
    },
    "teams": [],
}
CUSTOM_ROLE: Final[Json] = {
    "role_id": "0198f4b1-2b3c-7d4e-9f50-6b7c8d9e0f1a",
    "organization_id": _ORGANIZATION_ID,
    "name": "auditor",
    "description": "Looks, and changes nothing.",
    "permissions": ["audit:read", "cases:read"],
    "created_at": "2026-01-15T09:30:00.123456+00:00",
    "updated_at": "2026-01-15T09:30:00.123456+00:00",
    "version": 1,
}
CUSTOM_ROLES: Final[Json] = {"items": [CUSTOM_ROLE], "next_cursor": None}
NEW_ROLE: Final[Json] = {
    "name": "auditor",
    "description": "Looks, and changes nothing.",
    "permissions": ["audit:read", "cases:read"],
}
ROLE_CHANGES: Final[Json] = {"permissions": ["audit:read"]}
BUILT_IN_ROLES: Final[Json] = {
    "items": [{"name": "viewer", "scope": "organization", "permissions": ["cases:read"]}],
    "permissions": ["cases:read", "cases:write"],
}
EVALUATION: Final[Json] = {
    "subject": {"type": "user", "id": USER["user_id"]},
    "action": {"name": "read"},
    "resource": {
        "type": "cases",
        "id": "4711",
        "properties": {"organization_id": _ORGANIZATION_ID},
    },
}
EVALUATION_DECISION: Final[Json] = {"decision": True, "context": {"reason": "role"}}
EVALUATIONS: Final[Json] = {
    **EVALUATION,
    "evaluations": [{"action": {"name": "read"}}, {"action": {"name": "delete"}}],
}
EVALUATIONS_DECISION: Final[Json] = {
    "evaluations": [
        EVALUATION_DECISION,
        {"decision": False, "context": {"reason": "missing_permission"}},
    ]
}
