"""Mail: the queue of letters, and the relay that sends them."""

from auth_core.mail.links import LINK_PATHS
from auth_core.mail.model import (
    Fate,
    LetterStatus,
    MailBacklog,
    MailDelayed,
    MailFailure,
    MailRejected,
    MailServerDown,
    Message,
    Outcome,
    QueuedLetter,
    Relayed,
    RetryPolicy,
    written_at,
)
from auth_core.mail.office import MailOffice
from auth_core.mail.ports import LetterRenderer, Mailer, MailQueue, MailQueueUnitOfWork
from auth_core.mail.relay import MailRelay, RelayPolicy
from auth_core.mail.vault import LetterVault

__all__ = [
    "LINK_PATHS",
    "Fate",
    "LetterRenderer",
    "LetterStatus",
    "LetterVault",
    "MailBacklog",
    "MailDelayed",
    "MailFailure",
    "MailOffice",
    "MailQueue",
    "MailQueueUnitOfWork",
    "MailRejected",
    "MailRelay",
    "MailServerDown",
    "Mailer",
    "Message",
    "Outcome",
    "QueuedLetter",
    "RelayPolicy",
    "Relayed",
    "RetryPolicy",
    "written_at",
]
