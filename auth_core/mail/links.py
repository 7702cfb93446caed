"""Where the links of letters lead."""

from collections.abc import Mapping

from auth_core.kernel import MailTemplate

LINK_PATHS: Mapping[MailTemplate, str] = {
    MailTemplate.VERIFY_REGISTRATION: "/account/verify-registration",
    MailTemplate.REGISTRATION_INVITATION: "/account/register",
    MailTemplate.ORGANIZATION_INVITATION: "/account/join",
    MailTemplate.VERIFY_EMAIL: "/account/verify-email",
    MailTemplate.RESET_PASSWORD: "/account/reset-password",
    MailTemplate.CHANGE_EMAIL: "/account/change-email",
    MailTemplate.SIGN_IN_LINK: "/account/sign-in",
}
"""Below the public URL, unless the renderer of a deployment is told otherwise."""
