"""Looking after endpoints: each change is one commit with its audit record."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec

from auth_core.audit import AuditAction
from auth_core.kernel import (
    Clock,
    Entropy,
    FieldProblem,
    Ids,
    InvalidInput,
    OrganizationId,
    Secret,
    UserId,
)
from auth_core.webhooks.change import WebhookConflict, WebhookTrail, found, within
from auth_core.webhooks.model import (
    DisabledReason,
    EndpointId,
    WebhookEndpoint,
)
from auth_core.webhooks.patterns import parse_patterns
from auth_core.webhooks.ports import WebhookSender, WebhooksUnitOfWork
from auth_core.webhooks.signing import new_secret
from auth_core.webhooks.vault import SecretVault

DESCRIPTION_MAX = 200
LONGEST_OVERLAP = timedelta(days=7)
BATCH = 500
"""Rows that one transaction removes: short enough to be in nobody's way."""


class EndpointChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What to change about an endpoint; None stays as it is."""

    url: str | None = None
    event_types: tuple[str, ...] | None = None
    description: str | None = None
    enabled: bool | None = None


class WebhookPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """``most_endpoints`` of one scope; ``retention`` is the age at which deliveries go."""

    most_endpoints: int = 20
    overlap: timedelta = timedelta(hours=24)
    """How long a secret that was replaced signs as well."""
    retention: timedelta = timedelta(days=30)
    """As long as the outbox keeps events: then a replay of them repeats nothing."""


class WebhookService:
    """Endpoints of one ``scope``: an organization, or None for the platform.

    ``actor`` is who asks, None for an operator. What is in another scope is not found. All raise
    WebhookNotFound and Unavailable.
    """

    def __init__(
        self,
        unit_of_work: Callable[[], WebhooksUnitOfWork],
        vault: SecretVault,
        sender: WebhookSender,
        clock: Clock,
        ids: Ids,
        entropy: Entropy,
        policy: WebhookPolicy,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._vault = vault
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._trail = WebhookTrail(clock, ids)
        self._entropy = entropy
        self._policy = policy

    async def create(
        self,
        scope: OrganizationId | None,
        *,
        url: str,
        event_types: Sequence[str] = ("*",),
        description: str = "",
        actor: UserId | None = None,
    ) -> tuple[WebhookEndpoint, Secret[str]]:
        """A new endpoint, and its secret, which nobody can read again.

        Raises InvalidInput, and WebhookConflict when the scope has as many as it may.
        """
        patterns = parse_patterns(event_types)
        await self._sender.check(url)
        now, secret = self._clock.now(), new_secret(self._entropy)
        endpoint_id = EndpointId(self._ids.uuid())
        endpoint = WebhookEndpoint(
            id=endpoint_id,
            organization_id=scope,
            url=url,
            event_types=patterns,
            description=_description(description),
            sealed_secret=self._vault.seal(endpoint_id, secret),
            created_at=now,
            updated_at=now,
            enabled_since=now,
        )
        async with within(self._unit_of_work(), scope) as uow:
            if not await uow.webhooks.add(endpoint, most=self._policy.most_endpoints):
                raise WebhookConflict(
                    f"There are {self._policy.most_endpoints} webhooks already: delete one first."
                )
            await self._trail.append(uow, AuditAction.WEBHOOK_CREATED, endpoint, actor)
            await uow.commit()
        return endpoint, secret

    async def page(
        self, scope: OrganizationId | None, *, after: EndpointId | None = None, limit: int = 100
    ) -> list[WebhookEndpoint]:
        """Endpoints, oldest first."""
        async with within(self._unit_of_work(), scope) as uow:
            return await uow.webhooks.page(scope, after=after, limit=limit)

    async def get(self, scope: OrganizationId | None, endpoint_id: EndpointId) -> WebhookEndpoint:
        """One endpoint."""
        async with within(self._unit_of_work(), scope) as uow:
            return await found(uow, scope, endpoint_id)

    async def change(
        self,
        scope: OrganizationId | None,
        endpoint_id: EndpointId,
        changes: EndpointChanges,
        *,
        actor: UserId | None = None,
    ) -> WebhookEndpoint:
        """Change an endpoint; enabled again, or at another URL, it begins with a clean health.

        What happens while it is disabled it never gets; what waits, waits on. Raises InvalidInput.
        """
        given = {
            name: getattr(changes, name)
            for name in ("url", "event_types", "description")
            if getattr(changes, name) is not None
        }
        if "event_types" in given:
            given["event_types"] = parse_patterns(given["event_types"])
        if "description" in given:
            given["description"] = _description(given["description"])
        if "url" in given:
            await self._sender.check(given["url"])
        now = self._clock.now()
        async with within(self._unit_of_work(), scope) as uow:
            before = await found(uow, scope, endpoint_id, lock=True)
            if changes.enabled is not None:
                stays = before.disabled or DisabledReason.REQUESTED
                given["disabled"] = None if changes.enabled else stays
            changed = ",".join(sorted(given))
            woken = given.get("disabled", before.disabled) is None and not before.enabled
            if woken:
                given["enabled_since"] = now
            after = msgspec.structs.replace(before, **given, updated_at=now)
            await uow.webhooks.update(after)
            if woken or after.url != before.url:
                await uow.webhooks.wake(endpoint_id, now)
            await self._trail.append(uow, AuditAction.WEBHOOK_CHANGED, after, actor, changed)
            await uow.commit()
        return after

    async def remove(
        self, scope: OrganizationId | None, endpoint_id: EndpointId, *, actor: UserId | None = None
    ) -> None:
        """Remove an endpoint with all that waits for it."""
        async with within(self._unit_of_work(), scope) as uow:
            endpoint = await found(uow, scope, endpoint_id, lock=True)
            await uow.webhooks.remove(endpoint_id)
            await self._trail.append(uow, AuditAction.WEBHOOK_DELETED, endpoint, actor)
            await uow.commit()

    async def rotate_secret(
        self,
        scope: OrganizationId | None,
        endpoint_id: EndpointId,
        *,
        overlap: timedelta | None = None,
        actor: UserId | None = None,
    ) -> tuple[WebhookEndpoint, Secret[str]]:
        """A new secret, shown once; the old one signs as well for ``overlap`` (0 to 7 days).

        One that was still signing beside it signs no more. Raises InvalidInput.
        """
        lasts = self._policy.overlap if overlap is None else overlap
        if not timedelta() <= lasts <= LONGEST_OVERLAP:
            raise _invalid("overlap_hours", "from 0 to 168")
        now, secret = self._clock.now(), new_secret(self._entropy)
        async with within(self._unit_of_work(), scope) as uow:
            before = await found(uow, scope, endpoint_id, lock=True)
            after = msgspec.structs.replace(
                before,
                sealed_secret=self._vault.seal(endpoint_id, secret),
                sealed_previous_secret=before.sealed_secret if lasts else None,
                previous_expires_at=now + lasts if lasts else None,
                updated_at=now,
            )
            await uow.webhooks.update(after)
            await self._trail.append(uow, AuditAction.WEBHOOK_SECRET_ROTATED, after, actor)
            await uow.commit()
        return after, secret

    async def rewrap(self) -> int:
        """Seal every secret anew that is not sealed under the current master key.

        Idempotent; returns how many endpoints. Raises WrongMasterKey; those before are done.
        """
        after, resealed = None, 0
        while True:
            async with self._unit_of_work().for_platform() as uow:
                endpoints = await uow.webhooks.all(after=after, limit=BATCH)
                for each in endpoints:
                    current = await uow.webhooks.get(each.organization_id, each.id, lock=True)
                    renewed = None if current is None else self._vault.resealed(current)
                    if renewed is not None:
                        await uow.webhooks.update(renewed)
                        resealed += 1
                await uow.commit()
            if not endpoints:
                return resealed
            after = endpoints[-1].id


def _description(text: str) -> str:
    stripped = text.strip()
    if len(stripped) > DESCRIPTION_MAX or not (stripped.isprintable() or not stripped):
        raise _invalid("description", f"at most {DESCRIPTION_MAX} printable characters")
    return stripped


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(FieldProblem(field=field, type="invalid", message=message))
