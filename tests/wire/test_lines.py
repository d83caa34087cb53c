"""Finding the line of a key again, for whatever TOML allows."""

from wire.lines import line_of, lines_of

TEXT = '''\
# a comment with key = 1
site = "a"  # b = 2

[[edge.sources]]
type = "serial"
channels = [
  "a",
  "b = 1",
]
pattern = """
[not.a.table]
x = 1
"""
[[ edge . sources ]] # the second
"quoted.key" = 1
fields.flow = "data.flow"
[[devices]]
match = "a"
[devices.channels."flow.1"]
limits = { H = 1, HH = 2 }
[[devices]]
match = "b"
'''


def test_each_key_is_found_on_its_line() -> None:
    assert dict(lines_of(TEXT)) == {
        "site": 2,
        "edge.sources[0]": 4,
        "edge.sources[0].type": 5,
        "edge.sources[0].channels": 6,
        "edge.sources[0].pattern": 10,
        "edge.sources[1]": 14,
        'edge.sources[1]."quoted.key"': 15,
        "edge.sources[1].fields.flow": 16,
        "devices[0]": 17,
        "devices[0].match": 18,
        'devices[0].channels."flow.1"': 19,
        'devices[0].channels."flow.1".limits': 20,
        "devices[1]": 21,
        "devices[1].match": 22,
    }


def test_what_stands_in_a_value_is_found_by_what_is_around_it() -> None:
    lines = lines_of(TEXT)
    assert line_of('devices[0].channels."flow.1".limits.HH', lines) == 20
    assert line_of("edge.sources[0].channels[1]", lines) == 6
    assert line_of("edge.sources[1].port", lines) == 14
    assert line_of("retention.readings", lines) == 0
