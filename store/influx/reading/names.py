r"""True names back from those that InfluxDB shows, and names as InfluxQL writes them.

`store.influx.table.shown` changes what line protocol cannot write: control characters become their pictures, some
backslashes wide ones; and a channel called after a tag gets a line under. All of that is turned back here, wherever
turning it forth again gives the same. Only a name that itself holds a picture of a control character is taken for the
other one, with which InfluxDB has mixed it up already.
"""

from store.influx.table import channel_field, shown

_PICTURES = {0x2400 + code: code for code in range(0x20)} | {0x2421: 0x7F}
_WIDE = "\N{FULLWIDTH REVERSE SOLIDUS}"


def true_name(written: str) -> str:
    r"""The name of an edge, a device, a source or a rule, from its tag.

    >>> true_name("two␊lines") == "two\nlines", true_name("PLC\\pump") == "PLC\\pump"
    (True, True)
    """
    if written.isalnum():
        return written
    plain = written.translate(_PICTURES)
    narrow = plain.replace(_WIDE, "\\")
    return narrow if shown(narrow) == written else plain


def true_channel(field: str) -> str:
    """The name of a channel, from its field.

    >>> true_channel("temperature"), true_channel("time_"), true_channel("device__"), true_channel("_")
    ('temperature', 'time', 'device_', '')
    """
    name = true_name(field)
    shorter = name.removesuffix("_")
    return shorter if shorter != name and channel_field(shorter) == field else name


def identifier(name: str) -> str:
    r"""A field or a measurement as InfluxQL writes it.

    >>> print(identifier('5" pipe'), identifier("PLC\\pump"))
    "5\" pipe" "PLC\\pump"
    """
    return '"' + _escaped(name).replace('"', r"\"") + '"'


def text(value: str) -> str:
    r"""A tag's value or a string as InfluxQL writes it.

    >>> print(text("Ada's pump"))
    'Ada\'s pump'
    """
    return "'" + _escaped(value).replace("'", r"\'") + "'"


def _escaped(name: str) -> str:
    return name.replace("\\", r"\\").replace("\n", r"\n")
