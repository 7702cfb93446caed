"""What is counted of tokens and of signing in."""

from collections.abc import Iterator
from contextlib import contextmanager

from auth_core.kernel import AuthCoreError, Label, Metric, Metrics

SIGN_INS = Metric(
    name="fm_auth_sign_ins_total",
    help="Attempts to sign in, by how they ended: `success`, or the code of the error that was"
    " answered. What limits refuse is counted by fm_auth_rate_limit_refusals_total.",
    labels=(
        Label("method", ("password", "name", "mail_link", "mail_code")),
        Label(
            "result",
            (
                *("success", "authentication_failed", "password_change_required"),
                *("invalid_or_expired_link", "invalid_code"),
                *("validation_failed", "permission_denied", "service_unavailable"),
            ),
        ),
    ),
)
ISSUED = Metric(
    name="fm_auth_token_pairs_issued_total",
    help="Pairs of an access and a refresh token that were issued, refreshes included.",
)
VERIFIED = Metric(
    name="fm_auth_access_tokens_total",
    help="Access tokens that were presented, by whether their signature had been checked before"
    " (`known`), was checked (`checked`) or was refused.",
    labels=(Label("signature", ("known", "checked", "refused")),),
)

TOKEN_METRICS = (SIGN_INS, ISSUED, VERIFIED)


@contextmanager
def counted_sign_in(metrics: Metrics, method: str) -> Iterator[None]:
    """Count the block as one attempt to sign in, by how it ends."""
    try:
        yield
    except AuthCoreError as error:
        metrics.count(SIGN_INS, method, error.code)
        raise
    metrics.count(SIGN_INS, method, "success")
