"""Where InfluxDB is, from the URL of the config and the environment; opens nothing but the token's file."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from store.influx.errors import TOKEN, TOKEN_FILE, InfluxAddressError

SCHEMES: Mapping[str, str] = {"influxdb": "http", "influxdbs": "https"}
KNOWN = frozenset({"org", "db", "ca_file", "gzip"})


class InfluxAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket of an InfluxDB. `database`: what InfluxQL calls it, where that is another name."""

    url: str  # "http://HOST:PORT"
    bucket: str  # of InfluxDB 1: DATABASE or DATABASE/RETENTION_POLICY
    org: str = ""
    token: str = ""
    db: str = ""
    ca_file: str = ""
    gzip: bool = False

    @property
    def database(self) -> str:
        """The name that InfluxQL queries use."""
        return self.db or self.bucket.partition("/")[0]

    @property
    def policy(self) -> str:
        """The retention policy, "" for the default one."""
        return self.bucket.partition("/")[2]


def is_influx(text: str) -> bool:
    """Whether the `store` of a config is an InfluxDB."""
    return text.partition(":")[0] in SCHEMES


def parse(text: str, environ: Mapping[str, str]) -> InfluxAddress:
    """Read "influxdb://HOST:PORT/BUCKET?org=ORG"; "influxdbs" is with TLS. Raises InfluxAddressError.

    Lines are compressed on the way over TLS, which crosses networks, and not without, where packing and unpacking
    cost a sixth of the speed; `gzip=true` or `gzip=false` says otherwise.

    >>> parse("influxdb://db:8086/plant?org=acme", {}).url
    'http://db:8086'
    """
    wanted = f'store: expected "influxdb://HOST:8086/BUCKET?org=ORG", with the token in {TOKEN}'
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise InfluxAddressError(wanted) from error
    bucket, options = unquote(url.path.strip("/")), dict(parse_qsl(url.query))
    if url.scheme not in SCHEMES or not url.hostname or not bucket or "@" in url.netloc:
        raise InfluxAddressError(wanted)
    if unknown := sorted(set(options) - KNOWN):
        msg = f"store: {', '.join(unknown)} is no option of an InfluxDB; there are {', '.join(sorted(KNOWN))}"
        raise InfluxAddressError(msg)
    gzip = options.pop("gzip", str(url.scheme == "influxdbs")).lower()
    if gzip not in {"true", "false"}:
        msg = f"store: gzip is true or false, got {gzip}"
        raise InfluxAddressError(msg)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return InfluxAddress(
        url=f"{SCHEMES[url.scheme]}://{host}:{port or 8086}",
        bucket=bucket,
        token=_token(environ),
        gzip=gzip == "true",
        **options,
    )


def _token(environ: Mapping[str, str]) -> str:
    token = environ.get(TOKEN, "")
    if not token and (path := environ.get(TOKEN_FILE, "")):
        try:
            token = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{TOKEN_FILE} names {path}, which cannot be read: {error}"
            raise InfluxAddressError(msg) from error
    token = token.strip()
    if not (token.isascii() and token.isprintable()):
        msg = f"the token in {TOKEN} or {TOKEN_FILE} has characters that no token has"
        raise InfluxAddressError(msg)
    return token
