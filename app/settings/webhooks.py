"""The settings of webhooks."""

from app.settings import parse
from app.settings.field import Field

WEBHOOKS = (
    Field(
        name="AUTH_WEBHOOK_ALLOW_PRIVATE",
        attribute="webhooks.allow_private",
        kind=parse.boolean(),
        default="false",
        description="Whether webhooks may also go to this machine and its private networks, on any"
        " port, by http, too: for development. Whoever may make a webhook then reaches them",
    ),
    Field(
        name="AUTH_WEBHOOK_LOG_DAYS",
        attribute="webhooks.log_days",
        kind=parse.integer(1, 3650),
        default="30",
        description="How long deliveries are kept in the log, to be seen and sent again. With less"
        " than AUTH_EVENT_RETENTION_DAYS a replay of events repeats what the log has forgotten",
    ),
)
