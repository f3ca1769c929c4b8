"""The journal of one GPU in one process: raw readings, written by the serving threads as they happen, on
disk before anything is worked out from them.

``entries`` is what a record says, ``file`` how records lie in a folder.
"""

from .file import MAGIC, SEGMENT_BYTES, Journal, JournalError, JournalReader, Place
from .port import EntrySink

__all__ = [
    "MAGIC",
    "SEGMENT_BYTES",
    "EntrySink",
    "Journal",
    "JournalError",
    "JournalReader",
    "Place",
]
