"""Which broker, as whom, and what its refusals mean to the person who has to mend them."""

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from edge.source import SourceError
from wire.config import MqttSource

_PORTS = {"mqtt": 1883, "mqtts": 8883}
UNSUPPORTED_VERSION = 0x84
_CLIENT_ID = 0x85
_BAD_LOGIN = 0x86
_NOT_AUTHORISED = 0x87
_SESSION_TAKEN = 0x8E
_MAX_RECEIVE = 65535


class UnreachableError(SourceError):
    """The broker is not there now; it may be back at any moment."""


class Broker(msgspec.Struct, frozen=True):
    """A broker's address."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        """Host and port as a person writes them."""
        return f"{self.host}:{self.port}"


class Login(msgspec.Struct, frozen=True):
    """Whom to be at the broker; nothing at all where it asks for nothing."""

    username: str | None
    password: str | None


def broker(url: str) -> Broker:
    """The broker that `url` names; raises ValueError saying what would be right."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        host = port = None
    if not host or not port or parts.scheme not in _PORTS or parts.path.strip("/") or parts.query:
        msg = f'url: expected "mqtt://host:port" or "mqtts://host:port", got "{url}"'
        raise ValueError(msg)
    if parts.username is not None or parts.password is not None:
        msg = "url: holds a login; name environment variables in username_env and password_env instead"
        raise ValueError(msg)
    return Broker(host, port, parts.scheme == "mqtts")


def check(settings: MqttSource) -> None:
    """Raise ValueError naming settings that cannot be, or that would silently not do what they say."""
    if settings.password_env and not settings.username_env:
        msg = "password_env: needs username_env, too"
        raise ValueError(msg)
    if settings.key_file and not settings.cert_file:
        msg = "key_file: needs cert_file, too"
        raise ValueError(msg)
    if (settings.ca_file or settings.cert_file) and not broker(settings.url).tls:
        msg = "url: ca_file and cert_file mean TLS, so it must begin with mqtts://"
        raise ValueError(msg)
    if not 1 <= settings.receive_maximum <= _MAX_RECEIVE:
        msg = f"receive_maximum: expected 1 to {_MAX_RECEIVE}, got {settings.receive_maximum}"
        raise ValueError(msg)


def login(settings: MqttSource, environ: Mapping[str, str]) -> Login:
    """User name and password from the environment; raises SourceError naming a variable that is not set."""
    for key, variable in (("username_env", settings.username_env), ("password_env", settings.password_env)):
        if variable and variable not in environ:
            msg = f"environment variable {variable}, named in {key}, is not set"
            raise SourceError(msg)
    return Login(environ.get(settings.username_env or ""), environ.get(settings.password_env or ""))


def tls_context(settings: MqttSource) -> ssl.SSLContext:
    """How to prove the broker's identity, and one's own; raises SourceError naming the file that is wrong."""
    files = {"ca_file": settings.ca_file, "cert_file": settings.cert_file, "key_file": settings.key_file}
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file or None)
        context.sslsocket_class = _ClosingSocket
    except OSError as error:
        named = ", ".join(f"{key} {path}" for key, path in files.items() if path)
        msg = f"TLS files cannot be used ({named}): {error.strerror or error}"
        raise SourceError(msg) from error
    return context


class _ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails, which paho leaves to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  the library's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def unreachable(there: Broker, error: OSError | UnicodeError) -> SourceError:
    """What a failed connection means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return SourceError(
            f"the certificate of {there} is not trusted ({error.verify_message}): name its authority in ca_file"
        )
    if isinstance(error, ssl.SSLError):
        return SourceError(f"TLS with {there} failed ({error.reason}): is this the broker's TLS port?")
    if there.tls and isinstance(error, ConnectionResetError):
        return UnreachableError(f"{there} hung up on TLS: is this the broker's TLS port?")
    cause = error.strerror if isinstance(error, OSError) and error.strerror else error
    return UnreachableError(f"no broker reached at {there}: {cause}")


def refusal(there: Broker, code: int, words: str, *, settings: MqttSource, client_id: str) -> SourceError:
    """What a broker's reason code asks for."""
    if code in {_BAD_LOGIN, _NOT_AUTHORISED}:
        variables = [name for name in (settings.username_env, settings.password_env) if name]
        remedy = f"check {' and '.join(variables)}" if variables else "name a login in username_env and password_env"
        return SourceError(f"the broker at {there} refused the login ({words}): {remedy}")
    if code == _CLIENT_ID:
        return SourceError(f"the broker at {there} refused the client id {client_id}: set another client_id")
    if code == _SESSION_TAKEN:
        return SourceError(f"another client connected to {there} as {client_id}: give each its own client_id")
    if code == UNSUPPORTED_VERSION:
        return SourceError(f'the broker at {there} does not speak MQTT {settings.version}: set version = "auto"')
    return UnreachableError(f"the broker at {there} refused the connection: {words}")
