"""Whole numbers as every reader can hold them: signed, 64 bits."""

from typing import Annotated

import msgspec

NS_PER_S = 1_000_000_000
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
