"""What models remember of the runs of one procedure on one station; one that comes to work is told of earlier ones."""

from models.contract import Detector
from stream.benches.calls import Models, fits, remembered
from stream.benches.floor import Floor
from stream.benches.records import Memory
from stream.benches.run import RunRecord


class StationMemories:
    """Of the station and procedure of a run: kept of the version in force, and of the candidate beside it."""

    def __init__(self, run: RunRecord, models: Models, floor: Floor) -> None:
        self._run = run
        self._in_force = models.in_force
        self._candidate = models.candidate
        self._floor = floor

    def of(self, detector: Detector) -> Memory | None:
        """What a model remembers; one that has seen none of the runs is shown those that are at hand."""
        station = self._floor.known_station(self._run.station)
        if station is None:
            return None
        kept, tried = (each.get(self._run.procedure) for each in (station.memories, station.tried))
        if kept and fits(kept, detector):
            return kept
        if tried and fits(tried, detector):
            if detector is self._in_force:  # it was promoted
                self.keep(tried)
            return tried
        found = remembered(self._floor.taught(self._run.station, self._run.procedure), detector)
        if found is not None and detector is self._in_force:
            self.keep(found)
        elif found is not None and detector is self._candidate:
            self.keep_tried(found)
        return found

    def keep(self, memory: Memory) -> None:
        """From here on this is what is remembered."""
        self._floor.station(self._run.station).learnt(self._run.procedure, memory)

    def keep_tried(self, memory: Memory | None) -> None:
        """From here on this is what the candidate remembers; None where there is none, or it remembers nothing."""
        station = self._floor.known_station(self._run.station)
        if memory is not None or (station is not None and self._run.procedure in station.tried):
            self._floor.station(self._run.station).tries(self._run.procedure, memory)
