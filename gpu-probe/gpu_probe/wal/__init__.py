"""Write-ahead log of finished events: on disk before anything is sent, kept until the receiver
acknowledged.

A process that dies while writing leaves a torn record at the end of its segment; reading stops there and
the next writer begins a new segment. Deleting is by whole segments. One process writes at a time (a lock
says so).
"""

from .cursor import Cursor
from .log import MAX_BYTES, SEGMENT_BYTES, Wal, WalError
from .segment import KEY_BYTES, MAGIC, Entry, read_log, read_segment

__all__ = [
    "KEY_BYTES",
    "MAGIC",
    "MAX_BYTES",
    "SEGMENT_BYTES",
    "Cursor",
    "Entry",
    "Wal",
    "WalError",
    "read_log",
    "read_segment",
]
