"""CSV files of reports: looked at before anything is stored, every refused row with its reason, then taken."""

from typing import Annotated

from pydantic import BaseModel
from starlette.responses import Response

from tosqauyl.registry.uploads import COLUMNS, MOST_LISTED
from tosqauyl.web.pages.form import body_of
from tosqauyl.web.pages.page import Page
from tosqauyl.web.pages.routing import Pages
from tosqauyl.web.pages.trouble import VALUES
from tosqauyl.web.problems import FieldProblem, Refused
from tosqauyl.web.routes.uploads import OutcomeOut, preview_upload, send_upload
from tosqauyl.web.texts import plain

pages = Pages()
PLACE = "/office/uploads"


class _Named(BaseModel):
    """name: as the API's query takes it."""

    name: Annotated[str, plain(100)] = ""


@pages.get(PLACE, "reports:write")
def uploads_page(page: Page) -> Response:
    """The form."""
    return _page(page, None)


@pages.post_file(PLACE + "/preview", "reports:write", again=uploads_page)
def upload_previewed(page: Page) -> Response:
    """What would become of the file. Nothing is stored, so the file must be sent again to be taken."""
    _check_file(page)
    return _page(page, page.ask(preview_upload, file=page.file))


@pages.post_file(PLACE + "/take", "reports:write", again=uploads_page)
def upload_taken(page: Page) -> Response:
    """What became of the file. The same file again changes nothing, so reloading the answer does no harm."""
    _check_file(page)
    said = body_of(_Named, name=page.form["name"])
    return _page(page, page.ask(send_upload, file=page.file, name=said.name))


def _check_file(page: Page) -> None:
    """Raise Refused where no file was chosen: browsers send an empty one then."""
    if page.file is None or page.file.seek(0, 2) == 0:
        raise Refused("invalid", fields=[FieldProblem(where="/file", what=VALUES["missing"])])
    page.file.seek(0)


def _page(page: Page, outcome: OutcomeOut | None) -> Response:
    megabytes = page.office.limits.upload_bytes >> 20
    return page.render("office/uploads.html", outcome=outcome, columns=COLUMNS, most=MOST_LISTED, megabytes=megabytes)
