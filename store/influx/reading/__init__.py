"""Answers a page's questions about a fleet: from InfluxDB by InfluxQL alone, and alarms from the bus's records.

What comes from where, and why:

- What rings, and its newest state: the compacted topic of alarms, held in memory (`book`). It waits neither for the
  sink nor for InfluxDB, and is all there is when InfluxDB is away.
- What alarms went through, and old ones: InfluxDB (`past`); the topic keeps only the newest word on each.
- Devices, their health and newest score, sources, gaps, dead letters: InfluxDB, looked at by one thread at its own
  pace and answered from memory (`glance`), so that a thousand devices asked for twice a second cost it nothing more.
- Readings and scores, also as a file: InfluxDB, asked when somebody looks. A file of a page holds what the page shows;
  what is older than the bucket keeps is in the archive (`tocsin data export`).
- Rows, and accounts by edge: nobody counts them in a fleet, so they are not told. The archive counts by partition.
"""
