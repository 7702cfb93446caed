"""The HTTP API, one module per resource, request and response types beside their handlers."""

from app.api.account import AccountController
from app.api.audit import AuditController, OrganizationAuditController
from app.api.authzen import AuthZenController
from app.api.dev_mail import DevelopmentMailController
from app.api.docs import DocsController
from app.api.domains import DomainsController
from app.api.event_schemas import EventSchemaController
from app.api.invitations import AcceptanceController, InvitationsController
from app.api.mail_sign_in import MailSignInController
from app.api.me import MeController
from app.api.metrics import MetricsController
from app.api.my_data import MyDataController
from app.api.organization_switch import OrganizationSwitchController
from app.api.organizations import MembersController, OrganizationsController
from app.api.passwords import PasswordController
from app.api.permission_checks import PermissionController
from app.api.proving import ProvingController
from app.api.reauthentication import ReauthenticationController
from app.api.refresh import RefreshController
from app.api.revocations import RevocationController
from app.api.roles import BuiltInRolesController, OrganizationRolesController
from app.api.session_list import SessionListController, UserSessionsController
from app.api.sessions import SessionController
from app.api.sign_in import DevelopmentSignInController, SignInController
from app.api.status import StatusController
from app.api.teams import OrganizationTeamsController, TeamsController
from app.api.token_queries import TokenQueryController
from app.api.user_directory import UserDirectoryController
from app.api.user_restore import UserRestoreController
from app.api.users import UsersController
from app.api.webhooks import OrganizationWebhooksController, WebhooksController
from app.api.well_known import WellKnownController

CONTROLLERS = [
    StatusController,
    SignInController,
    DevelopmentSignInController,
    MailSignInController,
    ProvingController,
    PasswordController,
    RefreshController,
    ReauthenticationController,
    OrganizationSwitchController,
    SessionController,
    SessionListController,
    UserSessionsController,
    MeController,
    MyDataController,
    AccountController,
    UsersController,
    UserRestoreController,
    UserDirectoryController,
    OrganizationsController,
    MembersController,
    OrganizationTeamsController,
    TeamsController,
    InvitationsController,
    AcceptanceController,
    DomainsController,
    PermissionController,
    AuthZenController,
    BuiltInRolesController,
    OrganizationRolesController,
    AuditController,
    OrganizationAuditController,
    WebhooksController,
    OrganizationWebhooksController,
    TokenQueryController,
    RevocationController,
    WellKnownController,
    MetricsController,
    EventSchemaController,
    DocsController,
    DevelopmentMailController,
]

__all__ = ["CONTROLLERS"]
