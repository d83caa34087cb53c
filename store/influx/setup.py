"""Making the bucket of a plant in InfluxDB 1.8 or 2, or finding it; and saying what is wrong with one."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from store.influx.address import InfluxAddress, parse
from store.influx.client import InfluxClient
from store.influx.errors import InfluxBucketError, InfluxError, InfluxOrgError
from wire.config import HOUR_NS, Retention
from wire.messages import NS_PER_S
from wire.units import duration_text


class _Rule(msgspec.Struct, frozen=True):
    everySeconds: int = 0  # noqa: N815 -- InfluxDB's name


class _Named(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    retentionRules: tuple[_Rule, ...] = ()  # noqa: N815 -- InfluxDB's name


class _Mapping(msgspec.Struct, frozen=True):
    database: str
    bucketID: str  # noqa: N815 -- InfluxDB's name


class _Listed(msgspec.Struct, frozen=True):
    orgs: tuple[_Named, ...] = ()
    buckets: tuple[_Named, ...] = ()
    content: tuple[_Mapping, ...] = ()


def init(address: InfluxAddress, retention: Retention) -> list[str]:
    """Make what is missing of a bucket and the database that InfluxQL reads; a sentence each. Raises InfluxError."""
    keep_ns = max(retention.readings_ns, retention.scores_ns, HOUR_NS)
    with InfluxClient(address) as client:
        version = client.version()
        told = _init_1(client, keep_ns) if version.startswith("1.") else _init_2(client, keep_ns)
    if retention.alarms_ns > keep_ns:
        told.append(
            f"a bucket has one retention: alarms are kept for {duration_text(keep_ns)} too, "
            f"not for {duration_text(retention.alarms_ns)}"
        )
    return [f"InfluxDB {version.removeprefix('v')} answers at {address.url}", *told]


def store_check(url: str, environ: Mapping[str, str]) -> list[str]:
    """What is wrong with the InfluxDB of a config, in sentences: address, reach, token, bucket; changes nothing."""
    try:
        with InfluxClient(parse(url, environ)) as client:
            if not client.version().startswith("1."):
                _placed(client)  # a query finds the bucket by the token alone, a write by the organization
            client.query("SELECT running FROM pipeline LIMIT 1")  # SHOW says nothing of a database that is missing
    except InfluxError as error:
        return [str(error)]
    return []


def _placed(client: InfluxClient) -> None:
    """Raise InfluxError unless the organization of the config has the bucket."""
    address = client.address
    org = _org(client)
    listed = _found(client, f"/api/v2/buckets?orgID={quote(org.id)}&name={quote(address.bucket)}", address.bucket)
    if not any(each.name == address.bucket for each in listed.buckets):
        raise InfluxBucketError(address.url, address.bucket, f'in the organization "{address.org}"')


def _init_1(client: InfluxClient, keep_ns: int) -> list[str]:
    database, policy = client.address.database, client.address.policy or "autogen"
    if database not in _first(client, "SHOW DATABASES"):
        made = f"WITH DURATION {_seconds(keep_ns)} REPLICATION 1 NAME {_quoted(policy)}"
        client.execute(f"CREATE DATABASE {_quoted(database)} {made}")
        return [f'made the database "{database}", which keeps {duration_text(keep_ns)} in its policy "{policy}"']
    found = [f'found the database "{database}"']
    if policy in _first(client, f"SHOW RETENTION POLICIES ON {_quoted(database)}"):
        return [*found, f'found its policy "{policy}", and left it as it is']
    client.execute(
        f"CREATE RETENTION POLICY {_quoted(policy)} ON {_quoted(database)} DURATION {_seconds(keep_ns)} REPLICATION 1"
    )
    return [*found, f'made its policy "{policy}", which keeps {duration_text(keep_ns)}']


def _init_2(client: InfluxClient, keep_ns: int) -> list[str]:
    address, org = client.address, _org(client)
    at = f"orgID={quote(org.id)}"
    listed = _found(client, f"/api/v2/buckets?{at}&name={quote(address.bucket)}", address.bucket).buckets
    bucket = next((each for each in listed if each.name == address.bucket), None)
    if bucket is None:
        rules = [{"type": "expire", "everySeconds": keep_ns // NS_PER_S}]
        body = {"orgID": org.id, "name": address.bucket, "retentionRules": rules}
        bucket = msgspec.json.decode(client.ask("POST", "/api/v2/buckets", body=body), type=_Named)
        told = [f'made the bucket "{address.bucket}", which keeps {duration_text(keep_ns)}']
    else:
        kept_s = sum(rule.everySeconds for rule in bucket.retentionRules)
        kept = f"keeps {duration_text(kept_s * NS_PER_S)}" if kept_s else "keeps everything"
        told = [f'found the bucket "{address.bucket}", which {kept}, and left it as it is']
    return [*told, *_mapped(client, at, bucket, org)]


def _org(client: InfluxClient) -> _Named:
    address = client.address
    if not address.org:
        msg = "InfluxDB 2 needs an organization: add ?org=ORG to `store` in the config"
        raise InfluxError(msg)
    found = _found(client, f"/api/v2/orgs?org={quote(address.org)}", address.org).orgs
    if not found:
        raise InfluxOrgError(address.url, address.org, "none of that name is seen")
    return found[0]


def _mapped(client: InfluxClient, at: str, bucket: _Named, org: _Named) -> list[str]:
    """Make the bucket answer to the name that queries use; InfluxDB 2 mostly does so by itself for its own name."""
    database = client.address.database
    there = _found(client, f"/api/v2/dbrps?{at}&db={quote(database)}", database).content
    others = [each for each in there if each.database == database]
    if any(each.bucketID == bucket.id for each in others):
        return [f'found that InfluxQL reads it as the database "{database}"']
    if others:
        msg = f'InfluxQL reads another bucket as the database "{database}": name one of its own with &db= in `store`'
        raise InfluxError(msg)
    policy = {"database": database, "retention_policy": "autogen", "default": True}
    client.ask("POST", "/api/v2/dbrps", body={"orgID": org.id, "bucketID": bucket.id, **policy})
    return [f'made InfluxQL read it as the database "{database}"']


def _found(client: InfluxClient, path: str, name: str) -> _Listed:
    try:
        answer = client.ask("GET", path)
    except (InfluxBucketError, InfluxOrgError):  # what is asked for by name and is not there is a 404 in some versions
        return _Listed()
    try:
        return msgspec.json.decode(answer, type=_Listed)
    except msgspec.DecodeError as error:
        msg = f"what answers at {client.address.url} is no InfluxDB 2 (asked for {name}): {error}"
        raise InfluxError(msg) from error


def _first(client: InfluxClient, text: str) -> set[str]:
    series = client.execute(text)
    return {str(row[0]) for each in series for row in each.values}


def _seconds(ns: int) -> str:
    return f"{ns // NS_PER_S}s"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
