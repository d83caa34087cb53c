from tests.stream.golden import FILE, text


def test_the_small_day_reads_as_it_did() -> None:
    assert text().splitlines() == FILE.read_text().splitlines()
