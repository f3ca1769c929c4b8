"""What a caller asks the keeper of a journal's books, and what comes back: a line of JSON each, over a socket
in the journal's folder.

A question is ``{"session_id": …}`` or ``{"ticket": …}``, with ``until`` where it is asked again. The answer
is ``{"sessions": how many are meant, "until": …, "pending": …, "usage": the fields of Usage}``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..usage import BUSY_QUALITIES, ENERGY_QUALITIES, TIME_QUALITIES, Usage

SOCKET = "answers.sock"
QUESTION_BYTES_MAX = 2048
ANSWER_BYTES_MAX = 4096
# The kernel takes 108 (Linux) or 104 bytes, with a zero behind.
_ADDRESS_BYTES_MAX = 100


class Question(NamedTuple):
    """The session of an id, or those that were opened with a ticket. Steps after ``until`` are none of its
    business: what was under way when it was asked for the first time."""

    session_id: str | None = None
    ticket: str | None = None
    until: int | None = None

    def means(self, session_id: str, ticket: str | None) -> bool:
        """Whether it is about a session."""
        return session_id == self.session_id if self.ticket is None else ticket == self.ticket


class Answer(NamedTuple):
    """``pending``: a step up to ``until`` is not booked yet. ``usage`` is the sum of so many sessions."""

    sessions: int
    usage: Usage
    until: int
    pending: bool


def write_question(question: Question) -> bytes:
    """A line."""
    return _line({name: value for name, value in question._asdict().items() if value is not None})


def read_question(line: bytes) -> Question:
    """Raises ValueError where the line is no question."""
    fields = _fields(line)
    if not fields.keys() <= set(Question._fields):
        raise ValueError("a question has no such field")
    question = Question(**fields)
    texts = [text for text in question[:2] if text is not None]
    if len(texts) != 1 or type(texts[0]) is not str or type(question.until) not in (int, type(None)):
        raise ValueError("a question has a session_id or a ticket")
    return question


def write_answer(answer: Answer) -> bytes:
    """A line."""
    return _line({**answer._asdict(), "usage": answer.usage._asdict()})


def read_answer(line: bytes) -> Answer:
    """Raises ValueError where the line is no answer."""
    fields = _fields(line)
    given = fields.get("usage")
    if fields.keys() != set(Answer._fields) or type(given) is not dict or given.keys() != set(Usage._fields):
        raise ValueError("an answer has other fields")
    usage, whole = Usage(**given), [fields["sessions"], given["gpu_time_ns"]]
    whole += [value for value in (usage.gpu_busy_ns, usage.energy_uj) if value is not None]
    if any(type(value) is not int or value < 0 for value in whole) or type(fields["until"]) is not int:
        raise ValueError("a figure is a whole number")
    if type(fields["pending"]) is not bool or type(usage.provisional) is not bool or usage.reason is not None:
        raise ValueError("an answer is provisional or not")
    qualities = (TIME_QUALITIES, usage.time_quality), (BUSY_QUALITIES, usage.busy_quality)
    if any(word not in known for known, word in (*qualities, (ENERGY_QUALITIES, usage.energy_quality))):
        raise ValueError("there is no such quality")
    return Answer(fields["sessions"], usage, fields["until"], fields["pending"])


@contextmanager
def address(folder: Path) -> Iterator[str]:
    """The path of a folder's socket. One that is too long for the kernel goes by the folder's descriptor, on
    Linux. Raises OSError where the folder is not there."""
    path = str(folder / SOCKET)
    if len(os.fsencode(path)) <= _ADDRESS_BYTES_MAX:
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if type(fields) is not dict:
        raise ValueError("a line holds an object")
    return fields
