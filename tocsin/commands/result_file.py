"""Results as a file: CSV or Parquet, there whole or not at all."""

import os
from pathlib import Path

import pandas as pd

ENDINGS = (".csv", ".parquet")


def check(path: Path) -> str:
    """Why results cannot be written there; empty if they can."""
    if path.suffix.lower() not in ENDINGS:
        return f"{path}: name a file that ends in .csv or .parquet"
    if not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent}"
    return ""


def write(table: pd.DataFrame, path: Path) -> None:
    """Write it; raises OSError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.suffix.lower() == ".parquet":
            table.to_parquet(partial, index=False)
        else:
            table.to_csv(partial, index=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
