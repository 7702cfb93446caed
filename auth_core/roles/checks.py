"""Answering who may do what: to people about themselves, and to those who may ask about others."""

from collections.abc import Sequence
from typing import Final

import msgspec

from auth_core.access import (
    UNKNOWN_PERMISSION,
    UNKNOWN_SUBJECT,
    Context,
    Decision,
    Permission,
    Resource,
    RoleBook,
    Subject,
    decide,
)
from auth_core.kernel import PermissionDenied, UserId
from auth_core.roles.subjects import Subjects

CHECKS_MAX: Final = 100
"""Questions that are answered at once."""


class Question(msgspec.Struct, frozen=True):
    """Whether somebody may do this; ``user_id`` None is whoever asks, or nobody at all."""

    permission: str
    resource: Resource
    user_id: UserId | None = None


class Asker(msgspec.Struct, frozen=True):
    """Who asks: a person, or with ``subject`` None a service that may ask about everybody."""

    subject: Subject | None
    context: Context = Context()


class PermissionChecks:
    """Answers questions; reads each other person once from the truth, and the asker not at all."""

    def __init__(self, subjects: Subjects, book: RoleBook) -> None:
        self._subjects = subjects
        self._book = book

    async def answer(self, asker: Asker, questions: Sequence[Question]) -> list[Decision]:
        """A decision for each question, in their order.

        People ask about others where they hold ``users:read``: on the platform, or in the
        organization of the object. Raises PermissionDenied before anything is answered,
        Unavailable.
        """
        for question in questions:
            self._require_may_ask(asker, question)
        others: dict[UserId, Subject | None] = {}
        decisions = []
        for question in questions:
            if self._is_own(asker, question):
                subject, context = asker.subject, asker.context
            else:
                context = Context()
                subject = await self._other(question.user_id, others)
            decisions.append(self._decide(subject, question, context))
        return decisions

    def _decide(self, subject: Subject | None, question: Question, context: Context) -> Decision:
        if subject is None:
            return UNKNOWN_SUBJECT
        if question.permission not in self._book.registry:
            return UNKNOWN_PERMISSION
        return decide(subject, question.permission, question.resource, context)

    async def _other(
        self, user_id: UserId | None, others: dict[UserId, Subject | None]
    ) -> Subject | None:
        if user_id is None:
            return None
        if user_id not in others:
            others[user_id] = await self._subjects.find(user_id)
        return others[user_id]

    def _require_may_ask(self, asker: Asker, question: Question) -> None:
        if asker.subject is None or self._is_own(asker, question):
            return
        where = Resource(type="users", organization_id=question.resource.organization_id)
        on_platform = decide(asker.subject, Permission.USERS_READ, Resource(type="users"))
        if (
            not on_platform.allowed
            and not decide(asker.subject, Permission.USERS_READ, where).allowed
        ):
            message = "You can only ask about yourself."
            raise PermissionDenied(message)

    def _is_own(self, asker: Asker, question: Question) -> bool:
        if asker.subject is None:
            return False
        return question.user_id is None or question.user_id == asker.subject.user_id
