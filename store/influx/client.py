"""Talking to InfluxDB 1.8 or 2: lines written at once and answered for, InfluxQL read; every failure is a sentence."""

import email.utils
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import msgspec
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from store.influx.address import InfluxAddress
from store.influx.errors import (
    InfluxAwayError,
    InfluxBucketError,
    InfluxError,
    InfluxOrgError,
    InfluxRefusedError,
    InfluxTokenError,
)

CONNECT_S, WRITE_S, ASK_S = 4.0, 30.0, 6.0
WRITTEN = 204
LEVEL = 1  # of gzip: higher levels cost more than InfluxDB itself
GZIP = 16 + zlib.MAX_WBITS
SAID_LENGTH = 500
NO_INFLUX = "what answers there is no InfluxDB"
ORG = "organization"  # in what InfluxDB says of one that is not there

Value = str | float | int | bool | None


class Series(msgspec.Struct, frozen=True):
    """One series of an answer."""

    name: str = ""
    tags: Mapping[str, str] = {}
    columns: Sequence[str] = ()
    values: Sequence[Sequence[Value]] = ()

    def rows(self) -> list[dict[str, Value]]:
        """Each point by the names of its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.values]


class _Result(msgspec.Struct, frozen=True):
    series: list[Series] = []
    error: str = ""


class _Answer(msgspec.Struct, frozen=True):
    results: list[_Result] = []
    error: str = ""


class InfluxClient:
    """Writes to and reads from one bucket; may be used by several threads."""

    def __init__(self, address: InfluxAddress) -> None:
        self.address = address
        self._client: InfluxDBClient | None = None
        self._writer: WriteService | None = None
        trust = {"ca_certs": address.ca_file} if address.ca_file else {}
        self._http = urllib3.PoolManager(retries=False, maxsize=4, **trust)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        """Make it ready; connects at the first use."""
        address = self.address
        self._client = InfluxDBClient(
            address.url,
            address.token,
            org=address.org or "-",
            timeout=(int(CONNECT_S * 1000), int(WRITE_S * 1000)),
            ssl_ca_cert=address.ca_file or None,
        )
        if address.gzip:
            # The client's own gzip is at level 9, slower than InfluxDB; what is handed to it is compressed already.
            self._client.api_client.set_default_header("Content-Encoding", "gzip")  # type: ignore[no-untyped-call]
        self._writer = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        client, self._client, self._writer = self._client, None, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]
        self._http.clear()

    def write(self, lines: bytes) -> None:
        """Write lines; they are stored when this returns. Raises InfluxError."""
        if self._writer is None:
            msg = "the store is closed"
            raise InfluxError(msg)
        if not lines:
            return
        body = packed(lines) if self.address.gzip else lines
        try:
            status = self._put(self._writer, body)
        except ApiException as error:
            headers = {name.lower(): value for name, value in (error.headers or {}).items()}
            raise self.failure(error.status or 0, error.body or str(error.reason), headers) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise InfluxAwayError(self.address.url, _plain(error)) from error
        if status != WRITTEN:  # a web server says 200 to everything: what it was given is gone
            raise InfluxAwayError(self.address.url, f"HTTP {status} to a write: {NO_INFLUX}")

    def _put(self, writer: WriteService, body: bytes) -> int:
        """The status of the answer; the client's own `write` throws it away."""
        answer = writer.post_write_with_http_info(  # type: ignore[no-untyped-call]
            self.address.org or "-",
            self.address.bucket,
            body,
            precision=WritePrecision.NS,
            content_type="text/plain; charset=utf-8",
        )
        return int(answer[1])

    def query(self, text: str, *, database: str | None = None) -> list[Series]:
        """Read by InfluxQL; times are integer nanoseconds. Raises InfluxError."""
        fields = {"q": text, "epoch": "ns", "db": self.address.database if database is None else database}
        if self.address.policy and database is None:
            fields["rp"] = self.address.policy
        return self._results(self.ask("GET", "/query", fields=fields))

    def execute(self, text: str) -> list[Series]:
        """Change something by InfluxQL, of InfluxDB 1 alone. Raises InfluxError."""
        return self._results(self.ask("POST", "/query", fields={"q": text, "epoch": "ns"}))

    def version(self) -> str:
        """What answers there: "1.8.10", "v2.7.1". Raises InfluxError."""
        headers = self._request("GET", "/ping").headers
        if "X-Influxdb-Version" not in headers:
            raise InfluxAwayError(self.address.url, NO_INFLUX)
        return str(headers["X-Influxdb-Version"])

    def ask(self, method: str, path: str, *, fields: Mapping[str, str] | None = None, body: object = None) -> bytes:
        """One request of the HTTP API and the bytes of its answer. Raises InfluxError."""
        return self._request(method, path, fields=fields, body=body).data

    def failure(self, status: int, body: str | bytes, headers: Mapping[str, str]) -> InfluxError:
        """The error that an answer means; `headers` in small letters."""
        url, bucket, said = self.address.url, self.address.bucket, _said(body)
        if status in {401, 403}:
            return InfluxTokenError(url, status, said, given=bool(self.address.token))
        if status == 404:  # noqa: PLR2004 -- as HTTP counts
            return InfluxOrgError(url, self.address.org, said) if ORG in said else InfluxBucketError(url, bucket, said)
        if status in {400, 413, 422}:
            return InfluxRefusedError(url, status, said)
        wait_s = _retry_after_s(headers.get("retry-after", ""), now_s=time.time())
        return InfluxAwayError(url, f"HTTP {status}: {said}" if status else said, retry_after_s=wait_s)

    def _request(
        self, method: str, path: str, *, fields: Mapping[str, str] | None = None, body: object = None
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Token {self.address.token}"} if self.address.token else {}
        url = f"{self.address.url}{path}?{urlencode(fields)}" if fields else f"{self.address.url}{path}"
        patience = urllib3.Timeout(connect=CONNECT_S, total=ASK_S)
        try:
            answer = self._http.request(method, url, headers=headers, json=body, timeout=patience)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise InfluxAwayError(self.address.url, _plain(error)) from error
        if answer.status >= 300:  # noqa: PLR2004 -- as HTTP counts
            headers = {name.lower(): value for name, value in answer.headers.items()}
            raise self.failure(answer.status, answer.data, headers)
        return answer

    def _results(self, body: bytes) -> list[Series]:
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError as error:
            raise InfluxAwayError(self.address.url, NO_INFLUX) from error
        for said in (answer.error, *(result.error for result in answer.results)):
            if "database not found" in said:
                raise InfluxBucketError(self.address.url, self.address.bucket, said)
            if said:
                raise InfluxRefusedError(self.address.url, 200, said)
        return [series for result in answer.results for series in result.series]


SIGNS: Mapping[str, str] = {  # in what the client says, and what that means
    "NameResolutionError": "there is no host of that name",
    "Connection refused": "Connection refused",
    "WRONG_VERSION_NUMBER": 'it speaks no TLS there: "influxdb:" is without, "influxdbs:" with TLS',
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted here: name the file of who signed it with &ca_file=",
    "timed out": "it takes connections and says nothing",
    "Connection aborted": "it ends connections without a word: does it want TLS, influxdbs:?",
}


def packed(lines: bytes) -> bytes:
    """The same lines compressed, as little as is worth its time."""
    packer = zlib.compressobj(LEVEL, wbits=GZIP)
    return packer.compress(lines) + packer.flush()


def _said(body: str | bytes) -> str:
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if isinstance(told, dict):
        text = str(told.get("message") or told.get("error") or text)
    return " ".join(text.split())[:SAID_LENGTH] or "no reason given"


def _retry_after_s(text: str, *, now_s: float) -> float:
    """Seconds, or a date, as HTTP allows."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except ValueError:
        return 0.0


def _plain(error: Exception) -> str:
    """What went wrong on the way, in a few words."""
    text = f"{type(error).__name__} {error}"
    for sign, words in SIGNS.items():
        if sign in text:
            return words
    return str(error).rpartition(": ")[2] or type(error).__name__
