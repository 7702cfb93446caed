"""Every metric that the core counts."""

from auth_core.credentials.metrics import CREDENTIAL_METRICS
from auth_core.events.metrics import EVENT_METRICS
from auth_core.kernel import REFUSALS
from auth_core.mail.metrics import MAIL_METRICS
from auth_core.sessions.metrics import SESSION_METRICS
from auth_core.tokens.metrics import TOKEN_METRICS
from auth_core.webhooks.metrics import WEBHOOK_METRICS

CORE_METRICS = (
    *TOKEN_METRICS,
    *CREDENTIAL_METRICS,
    *SESSION_METRICS,
    *EVENT_METRICS,
    *MAIL_METRICS,
    *WEBHOOK_METRICS,
    REFUSALS,
)
