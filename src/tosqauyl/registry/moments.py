"""Moments as the registry keeps them: whole milliseconds since 1970, UTC; days are Kazakhstan's."""

from datetime import UTC, datetime, timedelta, timezone

HOUR = 3_600_000
DAY = 24 * HOUR
"""Milliseconds."""
OFFSET = 5 * HOUR
"""Kazakhstan's, from UTC, in the whole country since 1 March 2024. Earlier days are counted in it too."""
ZONE = timezone(timedelta(milliseconds=OFFSET), "UTC+5")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def instant(at: int) -> datetime:
    """A moment as Python has it, in UTC."""
    return EPOCH + at * MILLISECOND


def rfc3339(at: int, timespec: str = "milliseconds") -> str:
    """A moment as RFC 3339 text in UTC. timespec: as of datetime.isoformat; what is smaller is cut off."""
    return instant(at).isoformat(timespec=timespec).removesuffix("+00:00") + "Z"
