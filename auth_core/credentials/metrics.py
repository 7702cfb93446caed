"""What is counted of passwords."""

from auth_core.kernel import Label, Metric

PASSWORD_CHECKS = Metric(
    name="fm_auth_password_checks_total",
    help="Passwords that were checked, for a sign-in or anything else, by what came of it. All but"
    " `right` get one and the same answer.",
    labels=(
        Label(
            "result",
            (
                *("right", "wrong", "malformed", "unknown_account", "inactive_account"),
                *("no_password", "backing_off", "disabled"),
            ),
        ),
    ),
)

CREDENTIAL_METRICS = (PASSWORD_CHECKS,)
