"""Who may come in: a token, or a cookie signed with it; compares in constant time."""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

COOKIE = "tocsin_session"
LASTS_S = 30 * 86400
TOKEN_MIN = 16


class Gatekeeper:
    """Knows the token and what a cookie made from it looks like."""

    def __init__(self, token: str) -> None:
        """Derive the signing key, so that the cookie outlives a restart and dies with the token."""
        self._token = token.encode()
        self._key = hashlib.sha256(b"tocsin session\0" + self._token).digest()

    def is_token(self, offered: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(offered.encode("utf-8", "surrogateescape"), self._token)

    def cookie(self, now_s: float) -> str:
        """A cookie value good for LASTS_S."""
        until = str(int(now_s) + LASTS_S)
        return f"{until}.{self._sign(until)}"

    def is_cookie(self, value: str, now_s: float) -> bool:
        """Whether this is a cookie of ours that has not run out."""
        until, _, sign = value.partition(".")
        signed = hmac.compare_digest(sign.encode("utf-8", "surrogateescape"), self._sign(until).encode())
        return signed and until.isdecimal() and int(until) > now_s

    def admits(self, authorization: str, cookies: str, now_s: float) -> bool:
        """Whether a request with these headers may come in."""
        scheme, _, offered = authorization.partition(" ")
        if scheme.lower() == "bearer" and self.is_token(offered.strip()):
            return True
        try:
            found = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            return False
        return found is not None and self.is_cookie(found.value, now_s)

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, until.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
