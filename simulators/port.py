"""A serial port without hardware: a pseudo-terminal that loses bytes as a UART does when nobody reads."""

import os
import select
import termios
import tty
from contextlib import suppress
from pathlib import Path

_READ_END_GONE = select.POLLHUP


class Port:
    """The device's end of a pseudo-terminal; the reader opens `path`.

    Behind the kernel's buffer (about 20 kB) stand `buffer_bytes` of the device's own. Bytes that find no room, come
    while the reader's end is closed, or while the plug is out, are dropped and counted in `dropped_bytes`.
    Used by one thread at a time, except `unplug` and `replug`, whose caller must keep the writer away.
    """

    def __init__(self, link: Path | None = None, *, buffer_bytes: int = 4096) -> None:
        self.dropped_bytes = 0
        self.written_bytes = 0
        self._link = link
        self._limit = buffer_bytes
        self._held = bytearray()
        self._master = -1
        self._name = ""
        self._stale = False  # the kernel may still hold bytes for a reader that has gone

    @property
    def path(self) -> str:
        """Where the reader finds the port: the link if there is one, else the terminal's own name."""
        return str(self._link) if self._link else self._name

    @property
    def plugged(self) -> bool:
        """Whether the device is there."""
        return self._master >= 0

    @property
    def listened_to(self) -> bool:
        """Whether somebody has the port open."""
        if not self.plugged:
            return False
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & _READ_END_GONE for _, event in poll.poll(0))

    @property
    def held_bytes(self) -> int:
        """Bytes that wait in the device for room in the kernel."""
        return len(self._held)

    def replug(self) -> None:
        """Put the plug in: a new terminal, perhaps under another name, behind the same link."""
        if self.plugged:
            return
        master, slave = os.openpty()
        tty.setraw(slave)
        self._name = os.ttyname(slave)
        os.close(slave)  # so that the kernel tells when nobody reads
        os.set_blocking(master, False)
        self._master = master
        if self._link:
            fresh = self._link.with_name(f".{self._link.name}.new")
            with suppress(FileNotFoundError):
                fresh.unlink()
            fresh.symlink_to(self._name)
            fresh.replace(self._link)

    def unplug(self) -> None:
        """Pull the plug: readers see the device vanish."""
        if not self.plugged:
            return
        os.close(self._master)
        self._master = -1
        self._drop(len(self._held))
        if self._link:
            self._link.unlink(missing_ok=True)

    def write(self, data: bytes) -> int:
        """Send bytes without waiting; how many of them were dropped."""
        if not self.listened_to:
            return self.miss(data)
        self._stale = True
        self._held += data
        self.flush()
        over = max(0, len(self._held) - self._limit)
        self._drop(over)
        return over

    def read(self) -> bytes:
        """What the reader's end has sent the device, without waiting."""
        try:
            return os.read(self._master, 1 << 16) if self.plugged else b""
        except OSError:  # nothing is there, or nobody
            return b""

    def miss(self, data: bytes) -> int:
        """Let bytes go that nobody is there for; how many."""
        if not self.listened_to:
            self._forget()
        self.dropped_bytes += len(data)
        return len(data)

    def flush(self) -> bool:
        """Hand to the kernel what it has room for; whether nothing is left."""
        if not self.listened_to:
            self._forget()
        while self._held:
            try:
                count = os.write(self._master, self._held)
            except BlockingIOError:
                return False
            del self._held[:count]
            self.written_bytes += count
        return True

    def room_within(self, timeout_s: float) -> bool:
        """Wait until the kernel takes bytes from a reader's port; false if it does not in time."""
        if not self.listened_to:
            return False
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        return any(event & select.POLLOUT for _, event in poll.poll(timeout_s * 1000))

    def _drop(self, count: int) -> None:
        # A full UART loses what comes last, wherever in a line that is.
        if count:
            del self._held[-count:]
            self.dropped_bytes += count

    def _forget(self) -> None:
        """Drop what was meant for a reader that has closed the port, so that the next one starts with live bytes."""
        self._drop(len(self._held))
        if self._stale and self.plugged:
            slave = os.open(self._name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            termios.tcflush(slave, termios.TCIFLUSH)
            os.close(slave)
        self._stale = False
