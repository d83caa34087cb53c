"""The bytes of a file, unpacked by what they begin with, whatever the file is called."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa

from models.reading.errors import ReadingError


def _zstd(body: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
        unpacked: bytes = stream.read()
    return unpacked


PACKED: Mapping[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
    b"\x1f\x8b": ("gz", gzip.decompress),
    b"BZh": ("bz2", bz2.decompress),
    b"\x28\xb5\x2f\xfd": ("zst", _zstd),
}


def unpacked(path: Path) -> bytes:
    """What is in a file, plain or .xz, .gz, .bz2 or .zst; raises ReadingError."""
    try:
        body = path.read_bytes()
    except IsADirectoryError as error:
        msg = f'{path} is a folder: name its files, for example "{path}/*.csv"'
        raise ReadingError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise ReadingError(msg) from error
    for head, (kind, unpack) in PACKED.items():
        if body.startswith(head):
            try:
                return unpack(body)
            except (lzma.LZMAError, OSError, EOFError, zlib.error, ValueError) as error:
                msg = f"{path}: begins as {kind} and is damaged or cut short: {error}"
                raise ReadingError(msg) from error
    return body
