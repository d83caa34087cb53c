from hypothesis import given
from hypothesis import strategies as st

from edge.sources.lines import HEAD_BYTES, LineCutter, Overlong


def cut(data: bytes, *, limit: int = 64) -> list[bytes | Overlong]:
    return LineCutter(max_line_bytes=limit).feed(data)


def test_lf_crlf_and_cr_end_a_line_and_empty_lines_are_left_out() -> None:
    assert cut(b"a\nb\r\nc\rd\n\n\r\n") == [b"a", b"b", b"c", b"d"]


def test_a_partial_line_waits_for_its_end() -> None:
    cutter = LineCutter(max_line_bytes=64)
    assert cutter.feed(b"1,") == []
    assert cutter.feed(b"2") == []
    assert cutter.feed(b"\n3") == [b"1,2"]
    assert cutter.rest() == b"3"
    assert cutter.rest() is None


def test_a_ten_megabyte_line_is_one_overlong_line_and_the_next_is_fine() -> None:
    cutter = LineCutter(max_line_bytes=65536)
    chunk = b"x" * 4096
    for _ in range(2560):
        assert cutter.feed(chunk) == []
        assert sum(map(len, cutter._parts)) <= 65536 + 4096
    assert cutter.feed(b"y\n1,2\n") == [Overlong(head=b"x" * HEAD_BYTES, size=10 * 2**20 + 1), b"1,2"]


def test_a_line_may_be_as_long_as_allowed_and_no_longer() -> None:
    assert cut(b"12345678\n", limit=8) == [b"12345678"]
    assert cut(b"123456789\n", limit=8) == [Overlong(head=b"12345678", size=9)]


@given(st.lists(st.binary(max_size=40)), st.integers(1, 30))
def test_any_chunking_of_a_stream_gives_the_same_lines(chunks: list[bytes], limit: int) -> None:
    whole, parts = LineCutter(max_line_bytes=limit), LineCutter(max_line_bytes=limit)
    at_once = [*whole.feed(b"".join(chunks)), whole.rest()]
    in_parts = [line for chunk in chunks for line in parts.feed(chunk)]
    assert [*in_parts, parts.rest()] == at_once


@given(st.binary(max_size=400), st.integers(1, 30))
def test_every_byte_is_in_a_line_or_ends_one(data: bytes, limit: int) -> None:
    cutter = LineCutter(max_line_bytes=limit)
    lines = [*cutter.feed(data), cutter.rest()]
    sizes = sum(line.size if isinstance(line, Overlong) else len(line) for line in lines if line is not None)
    assert sizes == len(data) - data.count(b"\n") - data.count(b"\r")
