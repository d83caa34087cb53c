"""`make bench-detection`: every public set through the shipped recipes; writes the table in docs/benchmarks.md."""

import argparse
import importlib
import json
from pathlib import Path

import msgspec

from benchmarks.detection.result import Result, figures, folder, table
from benchmarks.report import save

FOLDERS = {name: name for name in ("skab", "tep", "cmapss", "secom", "hydraulic", "nab", "asd", "smd")}
SETS = FOLDERS | {"ai4i": "ai4i2020"}  # and where each lies
PAGE = Path("docs/benchmarks.md")
KEPT = Path("build/detection.json")  # of earlier runs, so that one set can be run alone
BEGIN, END = "<!-- detection: written by make bench-detection -->", "<!-- detection: end -->"


def main() -> None:
    """Run the named sets, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*SETS, []], help="default: all")
    kept = _kept()
    for name in parser.parse_args().names or SETS:
        if not folder(SETS[name]).exists():
            print(f"no data in {folder(SETS[name])}: set TOCSIN_DATA")
            continue
        print(f"... {name}", flush=True)
        found: list[Result] = importlib.import_module(f"benchmarks.detection.{name}").results()
        print(table(found), flush=True)
        kept[name] = found
        save(figures(found), Path("build/bench.json"))
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_bytes(msgspec.json.encode(kept))
    _write([each for name in SETS for each in kept.get(name, [])])


def _kept() -> dict[str, list[Result]]:
    return msgspec.convert(json.loads(KEPT.read_text()), dict[str, list[Result]]) if KEPT.exists() else {}


def _write(results: list[Result]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
