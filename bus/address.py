"""Where the bus is and how to log in, from one URL and the environment; opens nothing."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import msgspec

from wire.ports import BusError

USERNAME, PASSWORD = "TOCSIN_KAFKA_USERNAME", "TOCSIN_KAFKA_PASSWORD"
KNOWN = frozenset({"tls", "sasl", "ca_file", "cert_file", "key_file", "compression"})
MECHANISMS = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
COMPRESSIONS = frozenset({"lz4", "zstd", "none"})


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A Kafka cluster: `servers` is "HOST:PORT,HOST:PORT"."""

    servers: str
    tls: bool = False
    sasl: str = ""  # mechanism; empty: no login
    username: str = ""
    password: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    compression: str = "lz4"

    def settings(self) -> dict[str, str]:
        """What librdkafka needs to connect."""
        protocol = ("SASL_" if self.sasl else "") + ("SSL" if self.tls else "PLAINTEXT")
        said = {
            "bootstrap.servers": self.servers,
            "security.protocol": protocol,
            "sasl.mechanism": self.sasl,
            "sasl.username": self.username,
            "sasl.password": self.password,
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.cert_file,
            "ssl.key.location": self.key_file,
        }
        return {key: value for key, value in said.items() if value}


def parse(text: str, environ: Mapping[str, str]) -> Address:
    """Read "kafka://HOST:PORT,HOST:PORT/?tls=true&sasl=SCRAM-SHA-512&compression=zstd". Raises BusError.

    Name and password come from TOCSIN_KAFKA_USERNAME and TOCSIN_KAFKA_PASSWORD.

    >>> parse("kafka://a:9092,b:9092/?tls=true", {}).settings()["security.protocol"]
    'SSL'
    """
    url = urlsplit(text)
    options = dict(parse_qsl(url.query))
    if url.scheme != "kafka" or not url.netloc or "@" in url.netloc:
        msg = f'bus: expected "kafka://HOST:PORT", login by {USERNAME} and {PASSWORD} in the environment'
        raise BusError(msg)
    if unknown := sorted(set(options) - KNOWN):
        msg = f"bus: {', '.join(unknown)} is no option; there are {', '.join(sorted(KNOWN))}"
        raise BusError(msg)
    sasl = options.pop("sasl", "").upper()
    if sasl and sasl not in MECHANISMS:
        msg = f"bus: sasl is one of {', '.join(sorted(MECHANISMS))}, got {sasl}"
        raise BusError(msg)
    if sasl and not (environ.get(USERNAME) and environ.get(PASSWORD)):
        msg = f"bus: sasl={sasl} needs {USERNAME} and {PASSWORD} in the environment"
        raise BusError(msg)
    if options.get("compression", "lz4") not in COMPRESSIONS:
        msg = f"bus: compression is one of {', '.join(sorted(COMPRESSIONS))}, got {options['compression']}"
        raise BusError(msg)
    tls = options.pop("tls", "false").lower() in {"1", "true", "yes"}
    return Address(
        servers=url.netloc,
        tls=tls,
        sasl=sasl,
        username=environ.get(USERNAME, "") if sasl else "",
        password=environ.get(PASSWORD, "") if sasl else "",
        **options,
    )
