"""What states, priorities and health read as in Grafana: a sign and a word, so that colour is never the only sign."""

from dashboards.grafana.panel import Column, Word
from store.influx.table import HEALTH_CODES
from wire.messages import AlarmState, Health, Priority, SourceStatus

RED, ORANGE, YELLOW, BLUE, GREEN, GREY = "red", "orange", "yellow", "blue", "green", "text"
PRIORITIES = {
    Priority.CRITICAL: Word("critical", "▲▲▲ Critical", RED),
    Priority.HIGH: Word("high", "▲▲ High", ORANGE),
    Priority.MEDIUM: Word("medium", "▲ Medium", YELLOW),
    Priority.LOW: Word("low", "△ Low", BLUE),
}
HEALTH = {
    Health.RUNNING: Word("running", "● Running", GREEN),
    Health.OFF: Word("off", "○ Off", GREY),
    Health.LEARNING: Word("learning", "◐ Learning", BLUE),
    Health.SILENT: Word("silent", "✕ Silent", RED),
}
STATES = {
    AlarmState.UNACKNOWLEDGED: Word("unacknowledged", "! Needs acknowledgement", RED),
    AlarmState.ACKNOWLEDGED: Word("acknowledged", "✓ Acknowledged, still there", ORANGE),
    AlarmState.RETURNED: Word("returned-unacknowledged", "↩ Gone, not yet acknowledged", BLUE),
    AlarmState.NORMAL: Word("normal", "Over", GREEN),
}
SOURCE_STATES = (
    Word(SourceStatus.CONNECTED.value, "● Connected", GREEN),
    Word(SourceStatus.STARTING.value, "◐ Starting", BLUE),
    Word(SourceStatus.RETRYING.value, "↻ Trying again", ORANGE),
    Word(SourceStatus.FAILED.value, "✕ Failed", RED),
    Word(SourceStatus.ENDED.value, "○ Ended", GREY),
    Word(SourceStatus.STOPPED.value, "○ Stopped", GREY),
)
UNKNOWN_ROWS = (Word("-1", "not known", GREY),)
RUNNING = (Word("1", "● Running", GREEN), Word("0", "✕ Stopped", RED))
HEALTH_BY_CODE = tuple(
    Word(f"{code:g}", HEALTH[health].text, HEALTH[health].colour) for health, code in HEALTH_CODES.items()
)

_HERE = "&".join(f"var-{name}=${{__data.fields.{name}:percentencode}}" for name in ("device", "site", "edge"))
DEVICE = Column(
    name="device",
    shown="Device",
    width=150,
    link=f"/d/tocsin-device/device?{_HERE}&${{__url_time_range}}",
    link_title="Show this device",
)
PRIORITY = Column(name="priority", shown="Priority", words=tuple(PRIORITIES.values()), width=140)
STATE = Column(
    name="state",
    shown="State",
    words=tuple(STATES.values()),
    width=230,
    link="${page}/alarms",
    link_title="Answer on Tocsin's page",
)
SITE_EDGE = (Column(name="site", shown="Site", width=100), Column(name="edge", shown="Edge", width=130))
