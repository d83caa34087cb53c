"""Which texts can be names of devices, channels, runs and people."""

import re
from functools import lru_cache

MAX_NAME = 200  # characters
BAD_NAME = f"a name is empty, over {MAX_NAME} characters, or holds control characters"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_name(text: str) -> bool:
    """Whether a person can read this as a name, on a page and on a terminal.

    >>> is_name("Prüfstand 7"), is_name("  "), is_name("a" + chr(27) + "[2J")
    (True, False, False)
    """
    return 0 < len(text) <= MAX_NAME and _is_readable(text)


@lru_cache(maxsize=4096)  # the same few names come with every reading
def _is_readable(text: str) -> bool:
    return not _CONTROL.search(text) and any(each.isprintable() and not each.isspace() for each in text)
