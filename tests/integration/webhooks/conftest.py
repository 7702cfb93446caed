"""Certificates, as for the mail server."""

from tests.integration.mail.conftest import certificates

__all__ = ["certificates"]
