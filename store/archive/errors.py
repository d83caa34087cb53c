"""What can go wrong with an archive, each with what to do about it.

ArchiveError             it cannot be read or written just now; what was not written comes again
└── ArchiveBrokenError   a person has to look: going on would lose rows
"""


class ArchiveError(Exception):
    """The archive cannot do what was asked; the message says why and what to do."""


class ArchiveBrokenError(ArchiveError):
    """Going on would lose rows; trying again does not help."""
