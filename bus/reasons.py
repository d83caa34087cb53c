"""Why nobody can talk to a broker, in words with what to do, from what Kafka's client says of it; a row a cause."""

import re
from collections.abc import Iterable, Sequence

from bus.address import PASSWORD, USERNAME, Address

Row = tuple[re.Pattern[str], str]
HEARD = 20  # different complaints that are kept: the client repeats itself
AWAY = "no Kafka broker answers at {servers} ({said}). Start it, or correct `bus` in the config"
ROWS: Sequence[Row] = (
    (
        re.compile(r"Unsupported SASL mechanism.*supported mechanisms: (?P<said>[\w ,-]+)"),
        "Kafka at {servers} knows no login by {sasl}, only by {said}: write sasl=… with one of these into `bus`",
    ),
    (
        re.compile(r"SASL.*(?P<said>not valid in current SASL state)"),
        "Kafka at {servers} wants no login there: take sasl={sasl} out of `bus`, or name the port that wants one",
    ),
    (
        re.compile(r"SASL.*(?P<said>[Aa]uthentication (?:error|failed))"),
        "Kafka at {servers} refuses the login by {sasl}: correct " + f"{USERNAME} and {PASSWORD} in the environment",
    ),
    (
        re.compile(r"(?P<said>connecting to a PLAINTEXT broker listener)"),
        "Kafka at {servers} speaks no TLS there: take tls=true out of `bus`, or name the port that does",
    ),
    (
        re.compile(r"(?P<said>certificate verify failed)"),
        "Kafka at {servers} shows a certificate that nobody trusts here: name who signed it, ca_file=… in `bus`",
    ),
    (
        re.compile(r"(?P<said>SSL handshake failed)"),
        "Kafka at {servers} lets nobody in over TLS: it may want a certificate, cert_file=… and key_file=… in `bus`",
    ),
    (
        re.compile(r"Failed to resolve '(?P<said>[^']+)'"),
        "there is no host of the name {said}: correct `bus` in the config, or what resolves names here",
    ),
    (re.compile(r"failed: (?P<said>Connection refused)"), AWAY),
    (re.compile(r"(?P<said>Disconnected|timed out)"), AWAY),
)
SILENT = (
    "no Kafka broker answers at {servers} (something there takes connections and says nothing that Kafka says). "
    "Is it Kafka's port? If it wants TLS or a login, `bus` has to say so: tls=true, sasl=…"
)


class Heard:
    """Taken by a client of Kafka as its `error_cb`: what it complained of, each complaint once."""

    def __init__(self) -> None:
        self.said: dict[str, None] = {}

    def __call__(self, error: object) -> None:
        """Keep a complaint."""
        if len(self.said) < HEARD:
            self.said[str(getattr(error, "str", lambda: error)())] = None


def reason(heard: Iterable[str], address: Address) -> str:
    """A sentence with a remedy.

    >>> reason(["Connect to ipv4#10.0.0.7:9092 failed: Connection refused"], Address(servers="a:9092"))
    'no Kafka broker answers at a:9092 (Connection refused). Start it, or correct `bus` in the config'
    """
    complaints = list(heard)
    for pattern, sentence in ROWS:
        for complaint in complaints:
            if found := pattern.search(complaint):
                said = found["said"].strip()
                return sentence.format(servers=address.servers, said=said, sasl=address.sasl or "nothing")
    return SILENT.format(servers=address.servers)
