"""The letters of a deployment without a mail server: they wait, and this opens them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.container import Container
from app.settings import load_settings
from auth_core.kernel import Letter, MailTemplate

_PAGE = 500


class Mailbox:
    """Reads everybody's letters with the deployment's own keys."""

    def __init__(self, container: Container) -> None:
        self._office = container.core.mail

    async def letters(self, address: str) -> list[Letter]:
        """What is on its way to this address, oldest first."""
        found, after = [], None
        while page := await self._office.page(after=after, limit=_PAGE):
            found += [self._office.opened(each) for each in page if each.to.value == address]
            after = page[-1].id
        return found

    async def newest(self, address: str, template: MailTemplate) -> Letter:
        """The last such letter to this address."""
        return [each for each in await self.letters(address) if each.template is template][-1]

    async def token(self, address: str, template: MailTemplate) -> str:
        """The token that it carries."""
        return (await self.newest(address, template)).values["token"]


@asynccontextmanager
async def mailbox_of(environ: dict[str, str]) -> AsyncIterator[Mailbox]:
    """The mailbox of the deployment with these settings."""
    container = Container(load_settings(environ))
    try:
        yield Mailbox(container)
    finally:
        await container.core.close()
