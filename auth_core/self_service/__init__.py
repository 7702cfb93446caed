"""What people do for themselves: register, prove an address, reset a password, leave."""

from auth_core.self_service.change_email import ChangeEmailFlow
from auth_core.self_service.change_password import ChangePasswordFlow
from auth_core.self_service.deletion import DeletionFlow
from auth_core.self_service.joining import JoiningFlow, Welcome
from auth_core.self_service.mailed import MailedSecrets
from auth_core.self_service.new_password import NewPassword
from auth_core.self_service.owner_check import OwnerCheck
from auth_core.self_service.policy import RegistrationMode, SelfServicePolicy
from auth_core.self_service.ports import SelfServiceUnitOfWork
from auth_core.self_service.registration import RegistrationFlow
from auth_core.self_service.reset_password import ResetPasswordFlow
from auth_core.self_service.service import SelfService
from auth_core.self_service.sign_in import SessionStart
from auth_core.self_service.sign_in_by_mail import MailSignInFlow
from auth_core.self_service.trail import Trail
from auth_core.self_service.verify_email import VerifyEmailFlow

__all__ = [
    "ChangeEmailFlow",
    "ChangePasswordFlow",
    "DeletionFlow",
    "JoiningFlow",
    "MailSignInFlow",
    "MailedSecrets",
    "NewPassword",
    "OwnerCheck",
    "RegistrationFlow",
    "RegistrationMode",
    "ResetPasswordFlow",
    "SelfService",
    "SelfServicePolicy",
    "SelfServiceUnitOfWork",
    "SessionStart",
    "Trail",
    "VerifyEmailFlow",
    "Welcome",
]
