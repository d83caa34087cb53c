"""What models remember of the runs of one procedure on one station; one that comes to work is told of earlier ones."""

from models.contract import Detector
from stream.benches.calls import Models, fits, remembered
from stream.benches.floor import Floor
from stream.benches.records import Memory
from stream.benches.run import RunRecord


class StationMemories:
    """Of the station and procedure of a run. That of the version in force is kept, whatever version was before it."""

    def __init__(self, run: RunRecord, models: Models, floor: Floor) -> None:
        self._run = run
        self._in_force = models.in_force
        self._floor = floor

    def of(self, detector: Detector) -> Memory | None:
        """What a model remembers; one that has seen none of the runs is shown those that are at hand."""
        station = self._floor.known_station(self._run.station)
        kept = station.memories.get(self._run.procedure) if station else None
        if station is None or (kept and fits(kept, detector)):
            return kept
        found = remembered(self._floor.taught(self._run.station, self._run.procedure), detector)
        if found is not None and detector is self._in_force:
            self.keep(found)
        return found

    def keep(self, memory: Memory) -> None:
        """From here on this is what is remembered."""
        self._floor.station(self._run.station).learnt(self._run.procedure, memory)
