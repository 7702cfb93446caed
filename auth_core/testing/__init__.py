"""For tests: the whole core in memory, and the contract suites of its ports.

`in_memory_core` is what application teams want. Authors of adapters subclass the suites in
`auth_core.testing.contracts` (which needs pytest and pytest-asyncio; this package does not).
"""

from auth_core.testing.audit import InMemoryAuditLog, InMemoryAuditTrail
from auth_core.testing.clock import DeterministicIds, ManualClock, SeededEntropy
from auth_core.testing.core import InMemoryCore, in_memory_core
from auth_core.testing.credentials import InMemoryCredentialRepository
from auth_core.testing.crypto import (
    SymmetricKeyGenerator,
    SymmetricTokenSigner,
    ToyPasswordHasher,
    ToySealer,
)
from auth_core.testing.domains import InMemoryDomainNames, InMemoryDomainRepository
from auth_core.testing.events import InMemoryEventLog, InMemoryPublisher
from auth_core.testing.mail import InMemoryMailer, InMemoryMailOutbox, PlainRenderer
from auth_core.testing.metrics import InMemoryMetrics
from auth_core.testing.one_time import InMemoryOneTimeSecretRepository
from auth_core.testing.organizations import (
    InMemoryMembershipRepository,
    InMemoryOrganizationRepository,
)
from auth_core.testing.personal_data import InMemoryPersonalDataRepository
from auth_core.testing.rate_limiter import InMemoryFailureSpread, InMemoryRateLimiter
from auth_core.testing.receivers import InMemoryReceivers
from auth_core.testing.revocation_stream import InMemoryRevocationStream
from auth_core.testing.roles import InMemoryGrantsReader, InMemoryRoleRepository
from auth_core.testing.session_cache import InMemorySessionCache
from auth_core.testing.sessions import InMemoryRefreshCounter, InMemorySessionRepository
from auth_core.testing.store import InMemoryStore
from auth_core.testing.teams import InMemoryInvitationRepository, InMemoryTeamRepository
from auth_core.testing.unit_of_work import (
    InMemoryKeyRepository,
    InMemoryOutbox,
    InMemoryUnitOfWork,
)
from auth_core.testing.users import InMemoryUserRepository

__all__ = [
    "DeterministicIds",
    "InMemoryAuditLog",
    "InMemoryAuditTrail",
    "InMemoryCore",
    "InMemoryCredentialRepository",
    "InMemoryDomainNames",
    "InMemoryDomainRepository",
    "InMemoryEventLog",
    "InMemoryFailureSpread",
    "InMemoryGrantsReader",
    "InMemoryInvitationRepository",
    "InMemoryKeyRepository",
    "InMemoryMailOutbox",
    "InMemoryMailer",
    "InMemoryMembershipRepository",
    "InMemoryMetrics",
    "InMemoryOneTimeSecretRepository",
    "InMemoryOrganizationRepository",
    "InMemoryOutbox",
    "InMemoryPersonalDataRepository",
    "InMemoryPublisher",
    "InMemoryRateLimiter",
    "InMemoryReceivers",
    "InMemoryRefreshCounter",
    "InMemoryRevocationStream",
    "InMemoryRoleRepository",
    "InMemorySessionCache",
    "InMemorySessionRepository",
    "InMemoryStore",
    "InMemoryTeamRepository",
    "InMemoryUnitOfWork",
    "InMemoryUserRepository",
    "ManualClock",
    "PlainRenderer",
    "SeededEntropy",
    "SymmetricKeyGenerator",
    "SymmetricTokenSigner",
    "ToyPasswordHasher",
    "ToySealer",
    "in_memory_core",
]
