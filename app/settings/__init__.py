"""Settings: one frozen tree, built once from the environment and handed down.

Imports only msgspec and the standard library, so that the command line stays fast.
"""

from app.settings.field import Field
from app.settings.fields import EXAMPLE_PASSWORD, FIELDS
from app.settings.load import SettingsError, load_settings
from app.settings.render import (
    describe,
    render_env_example,
    render_reference,
)
from app.settings.tracing import require_opentelemetry, traces_are_on, without_traces
from app.settings.tree import (
    CacheSettings,
    CorsSettings,
    DatabaseSettings,
    Environment,
    EventSettings,
    LimitSettings,
    LogFormat,
    LogLevel,
    MailSender,
    MailSettings,
    MetricsSettings,
    OrganizationSettings,
    PasswordSettings,
    ProxySettings,
    RedisSettings,
    RegistrationSettings,
    SecuritySettings,
    ServiceSettings,
    Settings,
    Source,
    TokenSettings,
    TracingSettings,
    WebhookSettings,
)

__all__ = [
    "EXAMPLE_PASSWORD",
    "FIELDS",
    "CacheSettings",
    "CorsSettings",
    "DatabaseSettings",
    "Environment",
    "EventSettings",
    "Field",
    "LimitSettings",
    "LogFormat",
    "LogLevel",
    "MailSender",
    "MailSettings",
    "MetricsSettings",
    "OrganizationSettings",
    "PasswordSettings",
    "ProxySettings",
    "RedisSettings",
    "RegistrationSettings",
    "SecuritySettings",
    "ServiceSettings",
    "Settings",
    "SettingsError",
    "Source",
    "TokenSettings",
    "TracingSettings",
    "WebhookSettings",
    "describe",
    "load_settings",
    "render_env_example",
    "render_reference",
    "require_opentelemetry",
    "traces_are_on",
    "without_traces",
]
