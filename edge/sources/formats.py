"""Which parser reads which format of a serial line."""

from collections.abc import Callable, Mapping

from edge.sources.checksum import Checked
from edge.sources.csv_lines import CsvLines
from edge.sources.json_fields import JsonFields
from edge.sources.parsed import Parser
from edge.sources.regex_lines import RegexLines
from edge.sources.run_events import RunEvents
from edge.sources.run_lines import RunLines
from wire.config import SerialSource

_PARSERS: Mapping[str, Callable[[SerialSource], Parser]] = {
    "csv": lambda s: CsvLines(separator=s.separator, channels=s.channels, time_field=s.time_field),
    "json": lambda s: JsonFields(fields={name: name for name in s.channels}, time_field=s.time_field),
    "regex": lambda s: RegexLines(pattern=s.pattern, channels=s.channels, time_field=s.time_field),
}


def parser(settings: SerialSource, *, source: str = "") -> Parser:
    """The parser that a serial source's settings describe; raises ValueError naming the setting that cannot be."""
    events = RunEvents(source=source, time_field=settings.time_field)
    lines = RunLines(_PARSERS[settings.format](settings), events, station=settings.device)
    return lines if settings.checksum == "none" else Checked(lines)
