"""What is counted of letters on their way out."""

from auth_core.kernel import Label, Metric
from auth_core.mail.model import Fate

LETTERS = Metric(
    name="fm_auth_letters_total",
    help="Attempts to send a letter, by what became of it.",
    labels=(Label("fate", tuple(fate.value for fate in Fate)),),
)
SERVER_FAILURES = Metric(
    name="fm_auth_mail_server_failures_total",
    help="Times that the mail server was found out of order, and given a rest.",
)

MAIL_METRICS = (LETTERS, SERVER_FAILURES)
