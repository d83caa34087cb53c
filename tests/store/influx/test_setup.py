"""Making and finding buckets, and every way in which an InfluxDB cannot be used, in words."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.errors import StoreError
from store.influx.address import parse
from store.influx.client import InfluxClient
from store.influx.errors import InfluxAddressError, InfluxAwayError, InfluxBucketError, InfluxTokenError
from store.influx.setup import init, store_check
from tests.servers.influx import Influx, influx
from tests.servers.ports import free_port
from wire.config import DAY_NS, Retention


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influx(tmp_path_factory.mktemp("influx")) as there:
        yield there


@pytest.mark.server
def test_a_database_is_made_once_and_then_found(server: Influx) -> None:
    address = parse(server.url("made"), server.environ)
    assert store_check(server.url("made"), server.environ)[0].endswith("run tocsin store init")
    first = init(address, Retention())
    assert first[1] == 'made the database "made", which keeps 90d in its policy "autogen"'
    assert first[2] == "a bucket has one retention: alarms are kept for 90d too, not for 3650d"
    assert init(address, Retention())[1:3] == [
        'found the database "made"',
        'found its policy "autogen", and left it as it is',
    ]
    assert store_check(server.url("made"), server.environ) == []
    with InfluxClient(address) as client:
        now_ns = time.time_ns()
        client.write(b"readings,device=p a=1.0 %d\n" % now_ns)
        assert client.query("SELECT a FROM readings")[0].rows() == [{"time": now_ns, "a": 1}]


@pytest.mark.server
def test_a_policy_of_a_database_that_is_there_is_made_and_used(server: Influx) -> None:
    init(parse(server.url("shared"), server.environ), Retention())
    address = parse(server.url("shared/long", "?org=acme&gzip=true"), server.environ)
    kept = Retention(readings_ns=36500 * DAY_NS)
    assert init(address, kept)[1:] == ['found the database "shared"', 'made its policy "long", which keeps 36500d']
    with InfluxClient(address) as client:
        client.write(b"readings,device=p a=1.0 1000000000000000000\n")
        assert client.query("SELECT a FROM readings")


@pytest.mark.server
def test_a_bucket_of_influxdb_2_is_made_once_and_mapped_where_its_name_differs(server: Influx) -> None:
    server.version = "v2.7.1"
    try:
        address = parse(server.url("plant", "?org=acme&db=history"), server.environ)
        assert init(address, Retention())[:3] == [
            f"InfluxDB 2.7.1 answers at {address.url}",
            'made the bucket "plant", which keeps 90d',
            'made InfluxQL read it as the database "history"',
        ]
        assert init(address, Retention())[1:3] == [
            'found the bucket "plant", which keeps 90d, and left it as it is',
            'found that InfluxQL reads it as the database "history"',
        ]
        other = parse(server.url("other", "?org=acme&db=history"), server.environ)
        with pytest.raises(StoreError, match="reads another bucket as the database"):
            init(other, Retention())
        with pytest.raises(StoreError, match='no organization "nobody"'):
            init(parse(server.url("plant", "?org=nobody"), server.environ), Retention())
        with pytest.raises(StoreError, match="add \\?org=ORG"):
            init(parse(server.url("plant", ""), server.environ), Retention())
    finally:
        server.version = ""


@pytest.mark.server
def test_a_wrong_token_and_an_unknown_bucket_are_told_apart_with_what_to_do(server: Influx) -> None:
    for token, said in {"": "wants a token", "wrong": "refuses the token"}.items():
        with InfluxClient(parse(server.url("plant"), {"TOCSIN_INFLUX_TOKEN": token})) as client:
            with pytest.raises(InfluxTokenError, match=said):
                client.write(b"a b=1.0 1\n")
            with pytest.raises(InfluxTokenError, match="TOCSIN_INFLUX_TOKEN_FILE"):
                client.query("SHOW MEASUREMENTS")
    with InfluxClient(parse(server.url("nowhere"), server.environ)) as client:
        with pytest.raises(InfluxBucketError, match="run tocsin store init"):
            client.write(b"a b=1.0 1\n")
        with pytest.raises(InfluxBucketError, match="database not found"):
            client.query("SELECT * FROM a")


def test_an_influxdb_that_does_not_answer_is_named_within_ten_seconds() -> None:
    url, begun = f"influxdb://127.0.0.1:{free_port()}/plant", time.monotonic()
    assert "takes nothing now" in store_check(url, {})[0]
    with InfluxClient(parse(url, {})) as client, pytest.raises(InfluxAwayError, match="start it, or correct"):
        client.write(b"a b=1.0 1\n")
    with pytest.raises(InfluxAwayError):
        init(parse(url, {}), Retention())
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("influxdb:", "expected"),
        ("influxdb://a:8086", "expected"),
        ("influxdb://user:secret@a:8086/b", "token in TOCSIN"),
        ("influxdb://a:port/b", "expected"),
        ("influxdb://a:8086/b?color=red", "color is no option"),
        ("influxdb://a:8086/b?gzip=9", "gzip is true or false"),
        ("duckdb:data/x.duckdb", "expected"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_showing_a_secret(url: str, said: str) -> None:
    with pytest.raises(InfluxAddressError, match=said) as caught:
        parse(url, {})
    assert "secret" not in str(caught.value)
    assert store_check(url, {}) == [str(caught.value)]


def test_a_token_comes_from_its_file_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(InfluxAddressError, match="cannot be read"):
        parse("influxdbs://db/plant", {"TOCSIN_INFLUX_TOKEN_FILE": str(path)})
    path.write_text("abc\n")
    address = parse("influxdbs://db/plant", {"TOCSIN_INFLUX_TOKEN_FILE": str(path)})
    assert (address.token, address.url, address.gzip) == ("abc", "https://db:8086", True)
