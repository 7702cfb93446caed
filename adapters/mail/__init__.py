"""Mail: letters written from templates, and the SMTP server that takes them."""

from adapters.mail.catalogue import LANGUAGES
from adapters.mail.rendering import DEFAULT_PATHS, CatalogueRenderer
from adapters.mail.smtp import Sender, SmtpMailer, SmtpServer

__all__ = [
    "DEFAULT_PATHS",
    "LANGUAGES",
    "CatalogueRenderer",
    "Sender",
    "SmtpMailer",
    "SmtpServer",
]
