"""What can go wrong in the registry, as the one exception family's members; the API makes problems of them by `slug`."""

from tosqauyl.errors import TosqauylError


class RegistryError(TosqauylError):
    """Something the registry refuses. slug: stable, for programs."""

    slug = "refused"


class Absent(RegistryError):
    """There is no such thing, or it belongs to another tenant: the two are never told apart."""

    slug = "not-found"


class Invalid(RegistryError):
    """A value cannot be what it says. where: the field."""

    slug = "invalid"


class Conflict(RegistryError):
    """Somebody else changed it in between, or its state does not allow it."""

    slug = "conflict"


class Forbidden(RegistryError):
    """The actor may not do this."""

    slug = "forbidden"


class TooMany(RegistryError):
    """A limit of rate or number is reached. retry_after: seconds."""

    slug = "too-many"

    def __init__(self, what: str, where: str = "", hint: str = "", retry_after: int = 60) -> None:
        self.retry_after = retry_after
        super().__init__(what, where, hint)


class Unavailable(RegistryError):
    """The database cannot be reached; nothing was accepted, unless it says that this is not known."""

    slug = "unavailable"
