"""Recorded rows and scores of recorded rows over HTTP: durable before they are answered, in pieces of bounded size."""

import base64
import binascii
import hashlib
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from dashboards.console.catalogue import remember
from dashboards.console.desk import Desk
from dashboards.console.problem import Problem
from dashboards.console.series import find
from models.catalogue.entries import Moved
from wire.messages import Backtested, Batch, Frame, Origin, Scores
from wire.ports import FullError, Wish

MOST_CHANNELS = 2048
LANE = r"^[0-9a-f]{32}$"


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        msg = f"expected base64: {error}"
        raise ValueError(msg) from error
    return text


Packed = Annotated[str, AfterValidator(_base64)]
Named = Annotated[str, Field(min_length=1, max_length=200)]
Channels = Annotated[list[Named], Field(min_length=1, max_length=MOST_CHANNELS)]


class FileIn(BaseModel):
    """The file that rows came from, told with its last piece."""

    name: Annotated[str, Field(min_length=1, max_length=1000)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rows: Annotated[int, Field(ge=0)]
    from_ns: int | None = None
    to_ns: int | None = None


class ImportIn(BaseModel):
    """A piece of recorded rows: times strictly increase, values row by row, NaN is missing."""

    edge: Named
    device: Named
    channels: Channels
    t_ns: Packed = Field(description="little-endian int64 x n in base64")
    values: Packed = Field(description="little-endian float64 x n x c in base64")
    lane: Annotated[str, Field(pattern=LANE, description="the same file again has the same lane, and changes nothing")]
    seq: Annotated[int, Field(ge=1, description="of the piece in its lane, from 1 without holes")]
    file: FileIn | None = None


class BacktestIn(BaseModel):
    """Scores of recorded rows of one device by one version of a model."""

    edge: Named
    device: Named
    model: Named
    version: Annotated[int, Field(ge=0)]
    channels: Channels
    t_ns: Packed = Field(description="little-endian int64 x n in base64")
    score: Packed = Field(description="little-endian float32 x n in base64; 1.0 is the limit")
    contributions: Packed = Field(default="", description="little-endian float32 x n x c in base64, or nothing")


class TakenOut(BaseModel):
    """What was taken is durable, and will be applied in order."""

    id: str
    rows: int


def router(desk: Desk) -> APIRouter:
    """Routes that take recorded data."""
    routes = APIRouter(tags=["data"])

    @routes.post("/imports", status_code=202)
    def imported(body: ImportIn) -> TakenOut:
        """Take recorded rows with their own times: stored, and nothing live changes by them."""
        _known(desk, body.edge)
        frame = _frame(body)
        now_ns = desk.now_ns()
        newest_ns = int.from_bytes(frame.t_ns[-8:], "little", signed=True)
        if not 0 <= newest_ns <= now_ns:
            remedy = "Recorded rows are of a time that is over."
            raise Problem(422, "These rows are of a time that is yet to come, or of none.", remedy=remedy)
        # Its own newest time is the clock of a piece: the same piece again is then known as the same.
        _put(desk, Batch(body.edge, body.lane, body.seq, newest_ns, late=True, frames=(frame,)))
        if body.file:
            told = body.file
            remember(
                desk,
                Moved("imported", told.name, told.sha256, told.rows, now_ns, body.device, "", told.from_ns, told.to_ns),
            )
        return TakenOut(id=f"{body.lane}/{body.seq}", rows=frame.rows)

    @routes.post("/backtests", status_code=202)
    def backtested(body: BacktestIn) -> TakenOut:
        """Take scores of recorded rows: stored beside the live ones under their own version, ringing nothing."""
        find(desk, body.device)
        scores = _scores(body)
        told = hashlib.sha256(body.model_dump_json().encode()).hexdigest()[:32]
        _put(desk, Backtested(told, body.edge, scores))
        return TakenOut(id=told, rows=len(scores.t_ns) // 8)

    return routes


def _frame(body: ImportIn) -> Frame:
    try:
        times, values = base64.b64decode(body.t_ns), base64.b64decode(body.values)
        return Frame(body.device, tuple(body.channels), times, values, "f8", own_times=True)
    except ValueError as error:
        raise Problem(422, f"These are no rows: {error}.", remedy="See /api/docs.") from error


def _scores(body: BacktestIn) -> Scores:
    try:
        return Scores(
            origin=Origin(body.edge, "backtest", 0),
            edge=body.edge,
            device=body.device,
            model=body.model,
            version=body.version,
            channels=tuple(body.channels),
            t_ns=base64.b64decode(body.t_ns),
            score=base64.b64decode(body.score),
            contributions=base64.b64decode(body.contributions),
            role="backtest",
        )
    except ValueError as error:
        raise Problem(422, f"These are no scores: {error}.", remedy="See /api/docs.") from error


def _known(desk: Desk, edge: str) -> None:
    """An edge that nobody knows would be waited for ever after. Raises Problem."""
    known = {account.edge for account in desk.reader.accounts()} | {device.edge for device in desk.reader.devices()}
    if edge not in known:
        remedy = f"It knows {', '.join(sorted(known)) or 'none yet: let one send something first'}."
        raise Problem(422, f"There is no edge {edge!r}.", remedy=remedy, close=known)


def _put(desk: Desk, message: Wish) -> None:
    try:
        desk.inbox.append(message)
    except FullError as error:
        remedy = f"Send this piece again in {error.retry_after_s:g} s."
        raise Problem(503, "Too much waits to be stored just now.", remedy=remedy) from error
