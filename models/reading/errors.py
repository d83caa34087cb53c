"""The one error of reading."""


class ReadingError(Exception):
    """The rows cannot be used; the message names file, line and column where it can, and what would be right."""
