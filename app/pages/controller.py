"""GET and POST of every page below /account."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from app.errors import status_of
from app.limits import LIMIT_NONE, LIMIT_SIGN_IN
from app.pages.forms import read_form
from app.pages.rendering import STYLE_PATH, FormField, form, page, stylesheet
from app.pages.words import preferred, words
from app.security import PUBLIC
from auth_core.core import Options
from auth_core.credentials import DEVELOPMENT_PASSWORD_MIN, PASSWORD_MAX_BYTES, PASSWORD_MIN
from auth_core.kernel import AuthCoreError, Email, InvalidInput, InvalidLink, Unavailable
from auth_core.kernel.identity import DISPLAY_NAME_MAX, USERNAME_MAX
from auth_core.self_service import SelfService
from auth_core.users import Registration, User

HtmlRequest = Request[Any, Any, Any]
Html = Response[str]
Words = Mapping[str, Any]


class AccountPagesController(Controller):
    """The pages behind the links in letters. GET changes nothing; POST takes the link."""

    path = "/account"
    opt = PUBLIC | LIMIT_SIGN_IN
    include_in_schema = False

    @get(STYLE_PATH.removeprefix("/account"), opt=LIMIT_NONE, sync_to_thread=False)
    def style(self) -> Response[bytes]:
        """Read what the pages look like."""
        return stylesheet()

    @get("/verify-registration")
    async def show_registration(
        self,
        request: HtmlRequest,
        self_service: NamedDependency[SelfService],
        token: FromQuery[str] = "",
    ) -> Html:
        """Show whose account it would be: a stranger may have registered with this address."""

        async def show(said: Words) -> Html:
            name = await self_service.registration.waiting(token)
            intro = said["verify_registration"]["intro"].format(name=name)
            return form(said, "verify_registration", token, intro=intro)

        return await _answered(request, show)

    @post("/verify-registration", status_code=200)
    async def take_registration(
        self, request: HtmlRequest, self_service: NamedDependency[SelfService]
    ) -> Html:
        """Make the account."""
        return await _clicked(request, "verify_registration", self_service.registration.confirm)

    @get("/verify-email", sync_to_thread=False)
    def show_verify_email(self, request: HtmlRequest, token: FromQuery[str] = "") -> Html:
        """Ask for a click."""
        return _plain(request, "verify_email", token)

    @post("/verify-email", status_code=200)
    async def take_verify_email(
        self, request: HtmlRequest, self_service: NamedDependency[SelfService]
    ) -> Html:
        """Prove the address."""
        return await _clicked(request, "verify_email", self_service.verify_email.confirm)

    @get("/change-email", sync_to_thread=False)
    def show_change_email(self, request: HtmlRequest, token: FromQuery[str] = "") -> Html:
        """Ask for a click."""
        return _plain(request, "change_email", token)

    @post("/change-email", status_code=200)
    async def take_change_email(
        self, request: HtmlRequest, self_service: NamedDependency[SelfService]
    ) -> Html:
        """Change the address."""
        return await _clicked(request, "change_email", self_service.change_email.confirm)

    @get("/sign-in", sync_to_thread=False)
    def show_sign_in(self, request: HtmlRequest, token: FromQuery[str] = "") -> Html:
        """Ask for a click."""
        return _plain(request, "sign_in", token)

    @post("/sign-in", status_code=200)
    async def hand_over(
        self, request: HtmlRequest, self_service: NamedDependency[SelfService]
    ) -> Html:
        """Show the token for the application that asked, which redeems it. Nothing changes here."""

        async def take(said: Words) -> Html:
            token = (await read_form(request)).get("token", "")
            await self_service.sign_in.check_link(token)
            return page("done.html", said, text=said["sign_in"], pasted=token)

        return await _answered(request, take)

    @get("/reset-password")
    async def show_reset(
        self,
        request: HtmlRequest,
        options: NamedDependency[Options],
        self_service: NamedDependency[SelfService],
        token: FromQuery[str] = "",
    ) -> Html:
        """Ask for the new password, and show whose it is."""

        async def show(said: Words) -> Html:
            user = await self_service.reset_password.whose(token)
            intro = said["reset_password"]["intro"]
            fields = _whose(said, options, user)
            return form(said, "reset_password", token, intro=intro, fields=fields)

        return await _answered(request, show)

    @post("/reset-password", status_code=200)
    async def take_reset(
        self,
        request: HtmlRequest,
        options: NamedDependency[Options],
        self_service: NamedDependency[SelfService],
    ) -> Html:
        """Change the password; a bad one is asked for again."""

        async def take(said: Words) -> Html:
            sent = await read_form(request)
            token = sent.get("token", "")
            try:
                await self_service.reset_password.reset(token, sent.get("new_password", ""))
            except InvalidInput as error:
                user = await self_service.reset_password.whose(token)
                return _again(said, "reset_password", token, _whose(said, options, user), error)
            return _done(said, "reset_password")

        return await _answered(request, take)

    @get("/register")
    async def show_register(
        self,
        request: HtmlRequest,
        options: NamedDependency[Options],
        self_service: NamedDependency[SelfService],
        token: FromQuery[str] = "",
    ) -> Html:
        """Ask the invited for a name and a password."""

        async def show(said: Words) -> Html:
            email = await self_service.registration.invited(token)
            intro = said["register"]["intro"].format(email=email)
            return form(said, "register", token, intro=intro, fields=_names(said, options, {}))

        return await _answered(request, show)

    @post("/register", status_code=200)
    async def take_register(
        self,
        request: HtmlRequest,
        options: NamedDependency[Options],
        self_service: NamedDependency[SelfService],
    ) -> Html:
        """Make the account of the invited; what will not do is asked for again."""
        return await _filled_in(request, options, "register", partial(_register, self_service))

    @get("/join")
    async def show_join(
        self,
        request: HtmlRequest,
        options: NamedDependency[Options],
        self_service: NamedDependency[SelfService],
        token: FromQuery[str] = "",
    ) -> Html:
        """Ask those whom an organization has invited for a name and a password.

        Whoever has an account is shown the invitation, to enter it where they are signed in.
        """

        async def show(said: Words) -> Html:
            welcome = await self_service.joining.welcome(token)
            told = said["join"]
            if welcome.has_account:
                text = {"done": told["title"]}
                return page("done.html", {**said, "pasted": told["again"]}, text=text, pasted=token)
            intro = told["intro"].format(organization=welcome.organization, email=welcome.email)
            return form(said, "join", token, intro=intro, fields=_names(said, options, {}))

        return await _answered(request, show)

    @post("/join", status_code=200)
    async def take_join(
        self,
        request: HtmlRequest,
        options: NamedDependency[Options],
        self_service: NamedDependency[SelfService],
    ) -> Html:
        """Make the account of the invited, and make them a member."""
        return await _filled_in(request, options, "join", partial(_join, self_service))


async def _register(self_service: SelfService, sent: Mapping[str, str], token: str) -> None:
    registration = _registration(sent, await self_service.registration.invited(token))
    await self_service.registration.accept(registration, sent.get("password", ""), token)


async def _join(self_service: SelfService, sent: Mapping[str, str], token: str) -> None:
    registration = _registration(sent, (await self_service.joining.welcome(token)).email)
    await self_service.joining.accept(registration, sent.get("password", ""), token)


async def _filled_in(
    request: HtmlRequest,
    options: Options,
    name: str,
    make: Callable[[Mapping[str, str], str], Awaitable[object]],
) -> Html:
    """Make an account of a form; what will not do is asked for again."""

    async def take(said: Words) -> Html:
        sent = await read_form(request)
        token = sent.get("token", "")
        try:
            await make(sent, token)
        except InvalidInput as error:
            return _again(said, name, token, _names(said, options, sent), error)
        return _done(said, name)

    return await _answered(request, take)


def _registration(sent: Mapping[str, str], email: Email) -> Registration:
    return Registration.parse(
        username=sent.get("username", ""),
        email=email.value,
        display_name=sent.get("display_name") or None,
    )


def _said(request: HtmlRequest) -> Words:
    return words(preferred(request.headers.get("accept-language", "")))


def _plain(request: HtmlRequest, name: str, token: str) -> Html:
    said = _said(request)
    if not token:
        return _problem(said, InvalidLink())
    return form(said, name, token, intro=said[name]["intro"])


async def _clicked(
    request: HtmlRequest, name: str, take: Callable[[str], Awaitable[object]]
) -> Html:
    async def act(said: Words) -> Html:
        await take((await read_form(request)).get("token", ""))
        return _done(said, name)

    return await _answered(request, act)


async def _answered(request: HtmlRequest, act: Callable[[Words], Awaitable[Html]]) -> Html:
    """What ``act`` answers; what the core refuses, told in words."""
    said = _said(request)
    try:
        return await act(said)
    except AuthCoreError as error:
        return _problem(said, error)


def _done(said: Words, name: str) -> Html:
    return page("done.html", said, text=said[name], pasted="")


def _problem(said: Words, error: AuthCoreError) -> Html:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable) else None
    told = said["problem"].get(error.code, said["problem"]["unknown"])
    return page("problem.html", said, status=status_of(type(error)), headers=headers, problem=told)


def _again(
    said: Words, name: str, token: str, fields: tuple[FormField, ...], error: InvalidInput
) -> Html:
    wrong = error.problems[0]
    told = said["problem"].get(wrong.type, said["problem"]["unknown"])
    return form(
        said,
        name,
        token,
        intro="",
        fields=fields,
        problem=told,
        wrong=wrong.field,
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
    )


def _new_password(said: Words, options: Options, name: str = "new_password") -> FormField:
    development = options.sign_in.development
    minimum = DEVELOPMENT_PASSWORD_MIN if development else PASSWORD_MIN
    return FormField(
        name=name,
        label=said[name],
        kind="password",
        autocomplete="new-password",
        maximum=PASSWORD_MAX_BYTES,
        hint=said["length"].format(minimum=minimum),
    )


def _whose(said: Words, options: Options, user: User) -> tuple[FormField, ...]:
    # a password manager saves the new password under this name
    name = FormField(
        name="username",
        label=said["username"],
        autocomplete="username",
        value=user.username.value,
        fixed=True,
    )
    return name, _new_password(said, options)


def _names(said: Words, options: Options, sent: Mapping[str, str]) -> tuple[FormField, ...]:
    return (
        FormField(
            name="username",
            label=said["username"],
            autocomplete="username",
            maximum=USERNAME_MAX,
            value=sent.get("username", ""),
        ),
        FormField(
            name="display_name",
            label=said["display_name"],
            autocomplete="name",
            maximum=DISPLAY_NAME_MAX,
            required=False,
            value=sent.get("display_name", ""),
        ),
        _new_password(said, options, "password"),
    )
