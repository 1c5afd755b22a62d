"""The staff comes in and goes: password, code, authenticator, a new account's password."""

from starlette.responses import Response

from tosqauyl.web.access import SESSION, Desk
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import NEEDS, SIGN_IN, STAFF, Pages, safe_next
from tosqauyl.web.routes import me
from tosqauyl.web.routes import sign_in as door

pages = Pages()


@pages.get(SIGN_IN)
def sign_in_page(page: Page) -> Response:
    """Login and password."""
    desk = page.office.access
    single = isinstance(desk, Desk) and desk.single is not None
    return page.render(
        "office/sign-in.html", next=safe_next(page.query.get("next", "") or page.form["next"]), single=single
    )


@pages.post(SIGN_IN, again=sign_in_page)
def signed_in(page: Page) -> Response:
    """To the page that was asked for, or to what the session still lacks."""
    answer = page.go(safe_next(page.form["next"]))
    said = body_of(door.SignIn, login=page.form["login"], password=page.form["password"])
    found = page.ask(door.sign_in, said=said, response=answer)
    return _onward(page, answer, found.needs)


@pages.get(NEEDS["code"], SESSION, early=True)
def code_page(page: Page) -> Response:
    """The code of the authenticator."""
    return page.render("office/code.html")


@pages.post(NEEDS["code"], SESSION, again=code_page, early=True)
def code_entered(page: Page) -> Response:
    """To the console."""
    answer = page.go(STAFF)
    found = page.ask(door.sign_in_with_code, said=body_of(door.Code, code=page.form["code"]), response=answer)
    return _onward(page, answer, found.needs)


@pages.get(NEEDS["totp"], SESSION, early=True)
def authenticator_page(page: Page) -> Response:
    """Why an authenticator is needed, and a button that makes its secret."""
    return page.render("office/authenticator.html", made=None)


@pages.post(NEEDS["totp"], SESSION, again=authenticator_page, early=True)
def authenticator_begun(page: Page) -> Response:
    """The secret, shown this once, and where its first code is entered."""
    return page.render("office/authenticator.html", made=page.ask(me.begin_totp))


@pages.post("/office/authenticator/confirm", SESSION, again=authenticator_page, early=True)
def authenticator_confirmed(page: Page) -> Response:
    """To the console, with a session of its own."""
    answer = page.go(STAFF)
    page.ask(me.confirm_totp, said=body_of(door.Code, code=page.form["code"]), response=answer)
    return answer


@pages.get(NEEDS["password"], SESSION, early=True)
def password_page(page: Page) -> Response:
    """Old and new password."""
    return page.render("office/password.html")


@pages.post(NEEDS["password"], SESSION, again=password_page, early=True)
def password_changed(page: Page) -> Response:
    """Every session ends: sign in with the new one."""
    answer = page.go(SIGN_IN, "password-set")
    said = body_of(me.PasswordIn, password=page.form["password"], new_password=page.form["new_password"])
    page.ask(me.change_my_password, said=said, response=answer)
    return answer


@pages.get("/office/set-up")
def set_up_page(page: Page) -> Response:
    """The token of a new account, which the admin handed over, and its first password."""
    return page.render("office/set-up.html")


@pages.post("/office/set-up", again=set_up_page)
def set_up(page: Page) -> Response:
    """Sign in with it."""
    page.ask(door.set_up_account, said=body_of(door.SetUp, token=page.form["token"], password=page.form["password"]))
    return page.go(SIGN_IN, "password-set")


@pages.post("/office/sign-out", SESSION, early=True)
def signed_out(page: Page) -> Response:
    """The session is over."""
    answer = page.go(SIGN_IN, "signed-out")
    page.ask(door.sign_out, response=answer)
    return answer


def _onward(page: Page, answer: Response, needs: str) -> Response:
    if needs:
        answer.headers["location"] = page.at(NEEDS[needs])
    return answer
