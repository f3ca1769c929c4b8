"""The journal of one GPU in one process: raw readings, written by the serving threads as they happen, on
disk before anything is worked out from them.

``entries`` is what a record says, ``rows`` how steps are written as differences, ``file`` how records lie in
a folder, ``begun`` what a crash finds of a step that is not in the journal yet.
"""

from .begun import read_begun
from .file import MAGIC, SEGMENT_BYTES, Journal, JournalError, JournalReader, Place
from .port import EntrySink, StepNotes
from .rows import MANIFESTS_KEPT, RowWriter

__all__ = [
    "MAGIC",
    "MANIFESTS_KEPT",
    "SEGMENT_BYTES",
    "EntrySink",
    "Journal",
    "JournalError",
    "JournalReader",
    "Place",
    "RowWriter",
    "StepNotes",
    "read_begun",
]
