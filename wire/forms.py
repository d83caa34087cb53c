"""Forms that a text of the config must have, one function each: what is wrong and what would be right, or nothing."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

MAX_NAME = 200
_USB = re.compile(r"usb:[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}(?:/.+)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+):(?P<port>[0-9]{1,5})")
_BRACES = re.compile(r"\{([^{}]*)\}")
_MODEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
SCHEMES: Mapping[str, Mapping[str, str]] = {  # key of the config -> scheme -> how it is written
    "bus": {"local": "local:data/log.sqlite", "kafka": "kafka://HOST:9092"},
    "store": {"duckdb": "duckdb:data/tocsin.duckdb", "influxdb": "influxdb://HOST:8086/BUCKET", "influxdbs": ""},
    "registry": {"folder": "folder:data/models"},
}


def name(text: str) -> str:
    """A name of a site, a device, a channel or a source."""
    if not text or text != text.strip() or not text.isprintable() or len(text) > MAX_NAME:
        return f"expected a name of 1 to {MAX_NAME} printable characters without blanks around it, got {_quoted(text)}"
    return ""


def device(text: str) -> str:
    """A name of a device; "*" means every device elsewhere."""
    return 'expected the name of one device, got "*", which means all of them' if text == "*" else name(text)


def located(kind: str, text: str) -> str:
    """What holds the bus, the store or the registry: a scheme and a path."""
    scheme, colon, path = text.partition(":")
    ways = SCHEMES[kind]
    remote = ways.get(scheme, "").startswith(f"{scheme}://") or ways.get(scheme) == ""
    if colon and scheme in ways and path.strip() and (not remote or (path.startswith("//") and "@" not in path)):
        return ""
    return f"expected {' or '.join(_quoted(way) for way in ways.values() if way)}, got {_quoted(_without_secret(text))}"


def serial_port(text: str) -> str:
    """A path, or the identity of a USB device.

    >>> serial_port("usb:0403:6001/FT9ABC12"), serial_port("/dev/ttyUSB0")
    ('', '')
    """
    if (text.startswith("usb:") and not _USB.fullmatch(text)) or not text.strip() or not text.isprintable():
        return f'expected a path such as "/dev/ttyUSB0", or "usb:VID:PID/serial", got {_quoted(text)}'
    return ""


def broker(text: str) -> str:
    """The address of an MQTT broker, without credentials."""
    wanted = 'expected "mqtt://HOST:PORT", or "mqtts://HOST:PORT" for TLS'
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return f"{wanted}, got {_quoted(_without_secret(text))}"
    if url.username is not None or url.password is not None:
        return f"{wanted}, without user or password: name their variables with username_env and password_env"
    bare = not (url.path.strip("/") or url.query or url.fragment)
    if url.scheme not in {"mqtt", "mqtts"} or not url.hostname or port == 0 or not bare or re.search(r"\s", text):
        return f"{wanted}, got {_quoted(text)}"
    return ""


def address(text: str) -> str:
    """Where a page is served, host and port.

    >>> address("127.0.0.1:8765"), address("[::1]:8765")
    ('', '')
    """
    match = _HOST.fullmatch(text)
    if match is None or int(match["port"]) > 65535:  # noqa: PLR2004 -- the highest port there is
        return f'expected "HOST:PORT" such as "127.0.0.1:8765", got {_quoted(text)}'
    return ""


def variable(text: str) -> str:
    """The name of an environment variable; a password put here by mistake is not shown back."""
    if text and not _VARIABLE.fullmatch(text):
        return 'expected the name of an environment variable such as "MQTT_PASSWORD", not its value'
    return ""


def separator(text: str) -> str:
    """What stands between two columns."""
    if len(text) == 1 and text not in "\r\n\"'0123456789.+-":
        return ""
    return f'expected one character such as ",", ";" or "\\t", got {_quoted(text)}'


def line_pattern(text: str, *, time_field: str = "") -> str:
    """A regular expression that names its channels."""
    try:
        groups = set(re.compile(text).groupindex)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    if groups - {time_field or "time"}:
        return ""
    return "expected named groups that become channels, such as (?P<temperature>[-.0-9]+)"


def topic_filter(text: str) -> str:
    """A subscription of MQTT: "+" is one level, "#" the rest."""
    levels = text.split("/")
    wild = all(level in {"+", "#"} for level in levels if "+" in level or "#" in level)
    if text and "\0" not in text and wild and "#" not in levels[:-1]:
        return ""
    return f'expected an MQTT filter such as "plant/#" or "plant/+/temperature", got {_quoted(text)}'


def topic_pattern(text: str) -> str:
    """How a topic names its device and its channel."""
    named = _BRACES.findall(text)
    if "device" not in named or len(set(named)) != len(named) or set(named) - {"device", "channel"}:
        wanted = 'expected {device} once and {channel} at most once, as in "plant/{device}/{channel}"'
        return f"{wanted}, got {_quoted(text)}"
    return ""


def station_pattern(text: str) -> str:
    """How a topic names its station; an empty one fits no topic."""
    if not text or (_BRACES.findall(text) == ["station"] and not set(text) & {"+", "#"}):
        return ""
    return f'expected {{station}} once and no + or #, as in "plant/{{station}}/run", got {_quoted(text)}'


def model(text: str) -> str:
    """The name of a model, which is that of a folder, too."""
    if _MODEL.fullmatch(text):
        return ""
    return f'expected letters, digits, ".", "_" and "-", not "." first, got {_quoted(text)}'


def _without_secret(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", text)


def _quoted(text: str) -> str:
    return f'"{text[:80]}"' if text.isprintable() else repr(text[:80])
