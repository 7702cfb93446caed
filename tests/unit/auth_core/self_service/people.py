"""A deployment outside development, and people in it."""

from datetime import timedelta

from auth_core.core import Options
from auth_core.credentials import parse_password
from auth_core.kernel import NOBODY, Letter, MailTemplate
from auth_core.self_service import RegistrationMode, SelfServicePolicy
from auth_core.sessions import SessionOrigin
from auth_core.testing import InMemoryCore, in_memory_core
from auth_core.tokens import SignInPolicy
from auth_core.users import Registration, User

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "an altogether different sentence"
ORIGIN = SessionOrigin(user_agent="Firefox")


def deployment(
    mode: RegistrationMode = RegistrationMode.VERIFIED, *, development: bool = False
) -> InMemoryCore:
    """A core in this mode, where mail signs in."""
    return in_memory_core(
        Options(
            sign_in=SignInPolicy(
                development=development, registration=mode is RegistrationMode.OPEN
            ),
            self_service=SelfServicePolicy(
                registration=mode, email_sign_in=True, deletion_grace=timedelta(days=30)
            ),
        )
    )


def named(name: str):
    return Registration.parse(username=name).username


async def verified_user(core: InMemoryCore, name: str = "alice", **changes) -> User:
    """An account with a password and a proven address."""
    registration = Registration.parse(username=name, email=f"{name}@example.com")
    user = await core.accounts.create(registration, password=parse_password(PASSWORD))
    async with core.unit_of_work() as uow:
        user = user.with_verified_email(at=core.clock.now())
        await uow.users.update(user)
        await uow.commit()
    return user


def letters(core: InMemoryCore, template: MailTemplate | None = None) -> list[Letter]:
    """Those that reach somebody."""
    return [
        letter
        for letter in core.letters
        if letter.to != NOBODY and template in {None, letter.template}
    ]


def token_in(core: InMemoryCore, template: MailTemplate, name: str = "token") -> str:
    """What the newest such letter carries."""
    return letters(core, template)[-1].values[name]
