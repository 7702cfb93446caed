"""The contract of every port as a pytest class: one suite, many adapters.

Subclass a suite in your tests under a name that starts with ``Test`` and supply the fixtures that
its docstring names, in the class, the module or a ``conftest.py``::

    @pytest.fixture
    def unit_of_work(engine) -> UnitOfWorkFactory:
        return lambda: MyUnitOfWork(engine)

    class TestUsers(UserRepositoryContract):
        ...

The suites are async: run them with pytest-asyncio in ``auto`` mode. They make fresh random
identities, so a store that already holds rows is fine, unless a suite says otherwise.
"""

import pkgutil

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__))
)

from auth_core.testing.contracts.account_loading import AccountLoadingContract  # noqa: E402
from auth_core.testing.contracts.audit_trail import AuditTrailContract  # noqa: E402
from auth_core.testing.contracts.crash_laws import CrashLawsContract  # noqa: E402
from auth_core.testing.contracts.credentials import CredentialRepositoryContract  # noqa: E402
from auth_core.testing.contracts.domain_names import (  # noqa: E402
    DomainNamesContract,
    Publish,
    Silence,
)
from auth_core.testing.contracts.event_log import EventLogContract  # noqa: E402
from auth_core.testing.contracts.event_publisher import (  # noqa: E402
    EventPublisherContract,
    ReadBack,
)
from auth_core.testing.contracts.foundations import (  # noqa: E402
    ClockContract,
    EntropyContract,
    IdsContract,
)
from auth_core.testing.contracts.invitations import (  # noqa: E402
    DomainRepositoryContract,
    InvitationRepositoryContract,
)
from auth_core.testing.contracts.issuers import (  # noqa: E402
    CutOff,
    EndSession,
    IntrospectorContract,
    KeySourceContract,
    RevocationSourceContract,
)
from auth_core.testing.contracts.keys import KeyRepositoryContract  # noqa: E402
from auth_core.testing.contracts.mail_outbox import MailOutboxContract  # noqa: E402
from auth_core.testing.contracts.mailer import (  # noqa: E402
    Arrived,
    Delivered,
    LetterRendererContract,
    MailerContract,
    Refuse,
)
from auth_core.testing.contracts.making import (  # noqa: E402
    Flush,
    RecordedEvents,
    UnitOfWorkFactory,
)
from auth_core.testing.contracts.memberships import (  # noqa: E402
    LastOwnerContract,
    MembershipRepositoryContract,
)
from auth_core.testing.contracts.metrics import (  # noqa: E402
    CONTRACT_METRICS,
    MetricsContract,
    Read,
)
from auth_core.testing.contracts.one_time_secrets import (  # noqa: E402
    OneTimeCodeContract,
    OneTimeSecretRepositoryContract,
)
from auth_core.testing.contracts.organizations import OrganizationRepositoryContract  # noqa: E402
from auth_core.testing.contracts.password_hasher import PasswordHasherContract  # noqa: E402
from auth_core.testing.contracts.password_state import PasswordStateContract  # noqa: E402
from auth_core.testing.contracts.personal_data import PersonalDataContract  # noqa: E402
from auth_core.testing.contracts.rate_limiter import (  # noqa: E402
    FailureSpreadContract,
    PassTime,
    RateLimiterContract,
)
from auth_core.testing.contracts.refresh_counter import RefreshCounterContract  # noqa: E402
from auth_core.testing.contracts.retention import RetentionContract  # noqa: E402
from auth_core.testing.contracts.revocation_stream import RevocationStreamContract  # noqa: E402
from auth_core.testing.contracts.roles import (  # noqa: E402
    GrantsReaderContract,
    RoleRepositoryContract,
)
from auth_core.testing.contracts.sealer import SealerContract  # noqa: E402
from auth_core.testing.contracts.session_cache import (  # noqa: E402
    SessionCacheContract,
    UnreachableSessionCacheContract,
)
from auth_core.testing.contracts.session_races import SessionRacesContract  # noqa: E402
from auth_core.testing.contracts.sessions import SessionRepositoryContract  # noqa: E402
from auth_core.testing.contracts.teams import TeamRepositoryContract  # noqa: E402
from auth_core.testing.contracts.token_signer import TokenSignerContract  # noqa: E402
from auth_core.testing.contracts.unit_of_work import UnitOfWorkContract  # noqa: E402
from auth_core.testing.contracts.user_search import LastAdministratorContract  # noqa: E402
from auth_core.testing.contracts.users import UserRepositoryContract  # noqa: E402
from auth_core.testing.contracts.webhook_deliveries import WebhookDeliveryContract  # noqa: E402
from auth_core.testing.contracts.webhook_endpoints import WebhookEndpointContract  # noqa: E402
from auth_core.testing.contracts.webhook_sender import (  # noqa: E402
    AnswerWith,
    Received,
    WebhookSenderContract,
)
from auth_core.testing.contracts.webhook_turns import WebhookTurnContract  # noqa: E402

__all__ = [
    "CONTRACT_METRICS",
    "AccountLoadingContract",
    "AnswerWith",
    "Arrived",
    "AuditTrailContract",
    "ClockContract",
    "CrashLawsContract",
    "CredentialRepositoryContract",
    "CutOff",
    "Delivered",
    "DomainNamesContract",
    "DomainRepositoryContract",
    "EndSession",
    "EntropyContract",
    "EventLogContract",
    "EventPublisherContract",
    "FailureSpreadContract",
    "Flush",
    "GrantsReaderContract",
    "IdsContract",
    "IntrospectorContract",
    "InvitationRepositoryContract",
    "KeyRepositoryContract",
    "KeySourceContract",
    "LastAdministratorContract",
    "LastOwnerContract",
    "LetterRendererContract",
    "MailOutboxContract",
    "MailerContract",
    "MembershipRepositoryContract",
    "MetricsContract",
    "OneTimeCodeContract",
    "OneTimeSecretRepositoryContract",
    "OrganizationRepositoryContract",
    "PassTime",
    "PasswordHasherContract",
    "PasswordStateContract",
    "PersonalDataContract",
    "Publish",
    "RateLimiterContract",
    "Read",
    "ReadBack",
    "Received",
    "RecordedEvents",
    "RefreshCounterContract",
    "Refuse",
    "RetentionContract",
    "RevocationSourceContract",
    "RevocationStreamContract",
    "RoleRepositoryContract",
    "SealerContract",
    "SessionCacheContract",
    "SessionRacesContract",
    "SessionRepositoryContract",
    "Silence",
    "TeamRepositoryContract",
    "TokenSignerContract",
    "UnitOfWorkContract",
    "UnitOfWorkFactory",
    "UnreachableSessionCacheContract",
    "UserRepositoryContract",
    "WebhookDeliveryContract",
    "WebhookEndpointContract",
    "WebhookSenderContract",
    "WebhookTurnContract",
]
