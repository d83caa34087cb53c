"""What can go wrong with InfluxDB, each with what to do about it.

InfluxError              a StoreError
├── InfluxAddressError   the URL or the token of the config cannot be used
├── InfluxAwayError      it does not answer or is too busy; what was to be written may come again
├── InfluxTokenError     the token is wrong, or may not do this
├── InfluxBucketError    there is no such bucket
├── InfluxOrgError       there is no such organization, or the token is of another
└── InfluxRefusedError   it took some of the lines, or none, and will never take the others
"""

from store.errors import StoreError

TOKEN, TOKEN_FILE = "TOCSIN_INFLUX_TOKEN", "TOCSIN_INFLUX_TOKEN_FILE"


class InfluxError(StoreError):
    """InfluxDB cannot do what was asked; the message says why and what to do."""


class InfluxAddressError(InfluxError):
    """The address of the store, or its token, cannot be used."""


class InfluxAwayError(InfluxError):
    """InfluxDB does not answer, or is too busy; `retry_after_s` is what it asked for, 0 if it said nothing."""

    def __init__(self, url: str, why: str, *, retry_after_s: float = 0.0) -> None:
        """Name where it should be, and what was heard of it."""
        super().__init__(f"InfluxDB at {url} takes nothing now ({why}): start it, or correct `store` in the config")
        self.retry_after_s = retry_after_s


class InfluxTokenError(InfluxError):
    """InfluxDB does not accept the token."""

    def __init__(self, url: str, status: int, said: str, *, given: bool) -> None:
        """Say whether a token was given."""
        problem = "refuses the token" if given else "wants a token"
        super().__init__(
            f"InfluxDB at {url} {problem} (HTTP {status}: {said}): put one that may write the bucket into {TOKEN}, "
            f"or name a file that holds it with {TOKEN_FILE}"
        )


class InfluxBucketError(InfluxError):
    """There is no such bucket."""

    def __init__(self, url: str, bucket: str, said: str) -> None:
        """Name the bucket."""
        super().__init__(f'InfluxDB at {url} has no bucket "{bucket}" ({said}): run tocsin store init')
        self.bucket = bucket


class InfluxOrgError(InfluxError):
    """There is no such organization for this token."""

    def __init__(self, url: str, org: str, said: str) -> None:
        """Name the organization."""
        super().__init__(
            f'InfluxDB at {url} has no organization "{org}" for this token ({said}): correct org= in `store`, or make '
            "a token in that organization"
        )


class InfluxRefusedError(InfluxError):
    """InfluxDB refused lines for what they are; trying the same again does not help."""

    def __init__(self, url: str, status: int, said: str) -> None:
        """Keep what it said."""
        super().__init__(f"InfluxDB at {url} refused what was written (HTTP {status}): {said}")
        self.said = said
