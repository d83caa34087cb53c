import random
import subprocess
import sys
from pathlib import Path

from store.accounts import problems
from store.box.box import DuckStore
from tests.store.plant import EVER

ROWS = 40
WRITER = f"""
import sys
from pathlib import Path
from store.box.box import DuckStore
from tests.store.plant import ramp, commit
from store.box import opening
from store.box import writing
opening._SETTINGS["checkpoint_threshold"] = "300KB"  # so that kills meet checkpoints too
writing.FRESH_ROWS = 900  # and moves
with DuckStore(path=Path(sys.argv[1])) as store:
    number = store.resume().cursor
    print("ready", number, flush=True)
    while True:
        state = {{"core": str(number + 1).encode(), f"part-{{number % 7}}": bytes(2000)}}
        frames = [ramp("pump", number * {ROWS}, {ROWS}, 3), ramp("mill", number * 2, 2)]
        store.write(commit(number + 1, *frames, state=state))
        number += 1
        print("done", number, flush=True)
"""


def run_and_kill(path: Path, after: int) -> int:
    """Write until `after` more commits are said to be done, then die at once; returns the last one said."""
    args = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        said = int(process.stdout.readline().split()[1])
        for _ in range(after):
            said = int(process.stdout.readline().split()[1])
        process.kill()
        for line in process.stdout:
            if line.endswith("\n"):
                said = int(line.split()[1])
    return said


def test_a_kill_at_any_moment_leaves_cursor_state_and_readings_in_step(tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / "box.duckdb"
    for _ in range(8):
        said = run_and_kill(path, chance.randrange(60))
        with DuckStore(path=path, read_only=True) as store:
            resume = store.resume()
            # What was reported done is there; the commit that was under way may be, whole.
            assert said <= resume.cursor <= said + 1
            assert resume.state.get("core", b"0") == str(resume.cursor).encode()
            assert store.counted() == ({"edge": resume.cursor * (ROWS + 2)} if resume.cursor else {})
            assert problems(store.accounts(), store.counted()) == []
            assert store.readings("pump", **EVER).columns.get("c2", []) == [
                float(n) for n in range(resume.cursor * ROWS)
            ]
    assert resume.cursor > 20
    assert not list(tmp_path.glob("*.tmp"))
