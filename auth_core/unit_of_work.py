"""The one transaction over all that the features store."""

from typing import Protocol

from auth_core.audit import AuditLogUnitOfWork
from auth_core.events import EventsUnitOfWork
from auth_core.keys import KeysUnitOfWork
from auth_core.mail import MailQueueUnitOfWork
from auth_core.privacy import PrivacyUnitOfWork
from auth_core.roles import RolesUnitOfWork
from auth_core.self_service import SelfServiceUnitOfWork
from auth_core.tokens import SignInUnitOfWork
from auth_core.webhooks import WebhooksUnitOfWork


class CoreUnitOfWork(
    SignInUnitOfWork,
    SelfServiceUnitOfWork,
    KeysUnitOfWork,
    MailQueueUnitOfWork,
    PrivacyUnitOfWork,
    EventsUnitOfWork,
    RolesUnitOfWork,
    AuditLogUnitOfWork,
    WebhooksUnitOfWork,
    Protocol,
):
    """A transaction over everything that the core stores."""
