"""The archive: every input of the bus as Parquet files, for ever; must know nothing of Kafka or of a hot store.

    ROOT/day=2026-05-01/p03-00000000000000005000.parquet         rows of one cut of partition 3, one UTC day
    ROOT/events/day=2026-05-01/p03-00000000000000005000.parquet  what was said beside them
    ROOT/manifest/p03/00000000000000005000_2026-05-01_2026-05-01.json   what the cut holds; makes it count
    ROOT/open/...                                                the same for the newest cut while it is not whole

A cut is a stretch of offsets of one partition. Where it ends depends on the records alone, and so do its bytes (with
one version of pyarrow). Its files are written first and its manifest last, each whole; neither is ever changed, so
that a second writer can only write the same again. A cut that is not whole yet is put under `open/` when its rows have
waited long enough; read those by the manifest, as `store.archive.reading` does, as they may be replaced at any time.
Names there are never those of a finished cut: a writer that was cut off from the bus, and does not know that another
took over, must not be able to spoil one.

What the bus may forget: an offset is let go only when its cut has a manifest. The bus has to keep its inputs for longer
than the archive may be away plus the time a cut takes to fill. Where it forgot sooner, rows under `open/` are made a
cut of their own, and every offset that is in neither is counted as missing.
"""
