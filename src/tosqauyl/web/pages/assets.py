"""Style sheet, script and pictures: our own files, each under an address with its hash, so that browsers keep them for ever."""

import hashlib
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

PLACE = "/static"
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def asset(name: str) -> str:
    """The address of a file of the folder `static`."""
    return f"{PLACE}/{_digest(name)}/{name}"


@cache
def content(name: str) -> bytes:
    """The bytes of a file of the folder `static`. Raises FileNotFoundError."""
    kind = name.rpartition(".")[2]
    if kind not in TYPES or not name.replace(".", "").replace("-", "").isalnum():
        raise FileNotFoundError(name)
    return (files("tosqauyl.web.pages") / "static" / name).read_bytes()


def read_asset(request: Request) -> Response:
    """The route of assets."""
    name, digest = request.path_params["name"], request.path_params["digest"]
    try:
        body = content(name)
    except FileNotFoundError:
        return Response(status_code=404)
    kept = {"Cache-Control": _FOR_EVER} if digest == _digest(name) else {}
    return Response(body, headers=kept, media_type=TYPES[name.rpartition(".")[2]])


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(content(name)).hexdigest()[:16]
