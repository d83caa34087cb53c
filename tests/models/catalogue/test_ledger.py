import threading
from pathlib import Path

from models.catalogue.entries import Moved
from models.catalogue.ledger import KEPT, Ledger, digest_of


def moved(number: int) -> Moved:
    return Moved("exported", f"{number}.csv", f"{number:064x}", 1, number, device="pump-1")


def test_what_was_moved_comes_back_newest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "data/moved.jsonl")
    assert ledger.read() == []
    ledger.note(moved(1))
    ledger.note(moved(2))
    assert ledger.read() == [moved(2), moved(1)]


def test_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "moved.jsonl"
    ledger = Ledger(path)
    ledger.note(moved(0))
    path.write_bytes(path.read_bytes() * (2 * KEPT - 1))
    ledger.note(moved(1))
    assert len(path.read_bytes().splitlines()) == KEPT
    assert ledger.read()[0] == moved(1)


def test_a_damaged_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "moved.jsonl"
    path.write_bytes(b'{"way": \xff\n')
    ledger = Ledger(path)
    ledger.note(moved(1))
    assert ledger.read() == [moved(1)]


def test_several_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "moved.jsonl"
    threads = [threading.Thread(target=Ledger(path).note, args=(moved(number),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.at_ns for each in Ledger(path).read()} == set(range(20))


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc")
    assert digest_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
