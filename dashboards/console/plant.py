"""Devices, sources, losses and counts over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from dashboards.console.desk import Desk
from dashboards.console.series import find
from dashboards.console.shapes import (
    AccountsOut,
    DeadOut,
    DeviceOut,
    GapOut,
    SourceOut,
    accounts_out,
    dead_out,
    device_out,
    gap_out,
    source_out,
)
from dashboards.console.snapshot import imbalance

Limit = Annotated[int, Query(ge=1, le=10_000)]


def device_list(desk: Desk) -> APIRouter:
    """The route to all devices."""
    routes = APIRouter(tags=["devices"])

    @routes.get("/devices")
    def devices() -> list[DeviceOut]:
        """All devices, by name."""
        return [device_out(device, desk.rule_of(device.device)) for device in desk.reader.devices()]

    return routes


def one_device(desk: Desk) -> APIRouter:
    """The route to one device; stands behind its sub-resources, for a name may hold slashes."""
    routes = APIRouter(tags=["devices"])

    @routes.get("/devices/{device:path}")
    def device(device: str) -> DeviceOut:
        """One device with its channels and limits."""
        return device_out(find(desk, device), desk.rule_of(device))

    return routes


def router(desk: Desk) -> APIRouter:
    """Routes to the pipeline itself."""
    routes = APIRouter(tags=["pipeline"])

    @routes.get("/sources")
    def sources() -> list[SourceOut]:
        """The newest state of every source."""
        return [source_out(edge, state) for edge, state in desk.reader.sources()]

    @routes.get("/gaps")
    def gaps(device: str = "", limit: Limit = 1000) -> list[GapOut]:
        """Known losses, newest first."""
        return [gap_out(edge, gap) for edge, gap in desk.reader.gaps(device=device, limit=limit)]

    @routes.get("/dead")
    def dead(limit: Limit = 100) -> list[DeadOut]:
        """Dead letters, newest first."""
        return [dead_out(letter) for letter in desk.reader.dead(limit=limit)]

    @routes.get("/accounts")
    def accounts() -> list[AccountsOut]:
        """What came in and where it ended, by edge, and whether that adds up."""
        return [accounts_out(account, imbalance(account)) for account in desk.reader.accounts()]

    return routes
