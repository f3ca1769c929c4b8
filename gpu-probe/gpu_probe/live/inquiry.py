"""Asks the keepers of books what sessions have used so far. Nothing here raises, or waits longer than it is
told: where there is no answer, the reason is one."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from ..folders import lock_file
from ..usage import Figures, Usage, unknown
from .questions import ANSWER_BYTES_MAX, Answer, Question, address, read_answer, write_question

# Between two questions, while a step is under way.
_PAUSE_S = 0.004
_WAIT_MAX_S = 60.0
_NO_SESSION = "no books have this session: it ended over a minute ago, or its probe is closed"
_NO_SOCKET = "no meter keeps the books of this session"


class _Inquiry:
    """One question to one keeper, asked again until nothing is under way any more."""

    def __init__(self, folder: Path, question: Question, settled: bool) -> None:
        self.folder = folder
        self.answer: Answer | None = None
        self.fault: str | None = None
        self._question = question
        self._settled = settled

    def is_early(self, error: OSError) -> bool:
        """Whether a keeper may still come: the journal is written, and its meter is starting."""
        return isinstance(error, (FileNotFoundError, ConnectionRefusedError)) and _is_written(self.folder)

    def line(self) -> bytes:
        return write_question(self._question)

    def take(self, line: bytes) -> bool:
        """Whether that is all there is to know. Raises ValueError for what is no answer."""
        if not line.endswith(b"\n"):
            raise ValueError("the line is not whole")
        answer = self.answer = read_answer(line)
        self._question = self._question._replace(until=answer.until)
        return not (answer.pending or (self._settled and answer.usage.provisional))

    def fail(self, error: Exception) -> None:
        """Where an answer has come before, it stands; of two faults the first tells more."""
        if self.answer is not None or self.fault is not None:
            return
        if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
            self.fault = _NO_SOCKET
        elif isinstance(error, (TimeoutError, socket.timeout, asyncio.TimeoutError)):
            self.fault = "the meter did not answer in time"
        else:
            self.fault = f"the meter did not answer: {error or type(error).__name__}"


def ask(folders: Sequence[Path], question: Question, wait_s: float, settled: bool = False) -> Usage:
    """The sum over the books of these journals. Waits up to ``wait_s`` seconds (0 to 60) until the steps
    that are under way now are booked; where ``settled``, until nothing is provisional."""
    deadline = time.monotonic() + _bounded(wait_s)
    inquiries = [_Inquiry(folder, question, settled) for folder in folders]
    for at, inquiry in enumerate(inquiries):
        # One that is silent leaves the others their part.
        part = (deadline - time.monotonic()) / (len(inquiries) - at)
        try:
            _ask(inquiry, time.monotonic() + part)
        except (OSError, ValueError) as error:
            inquiry.fail(error)
    return _sum(inquiries)


async def ask_soon(
    folders: Sequence[Path], question: Question, wait_s: float, settled: bool = False
) -> Usage:
    """The same without blocking the thread, in a task of asyncio."""
    inquiries = [_Inquiry(folder, question, settled) for folder in folders]
    deadline = time.monotonic() + _bounded(wait_s)
    try:
        await asyncio.gather(*(_ask_soon(inquiry, deadline) for inquiry in inquiries))
    except RuntimeError as error:
        return unknown(f"only asyncio is known here: {error}")
    return _sum(inquiries)


def journals_of(state_dir: Path) -> list[Path]:
    """The journals in a state folder and in the folders of its processes (0, 1, …)."""
    found = (*state_dir.glob("journals/*-*"), *state_dir.glob("*/journals/*-*"))
    return sorted(path for path in found if path.suffix != ".damaged")


def _bounded(wait_s: float) -> float:
    return min(wait_s, _WAIT_MAX_S) if wait_s > 0 else 0.0


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _ask(inquiry: _Inquiry, deadline: float) -> None:
    with _connected(inquiry, deadline) as held:
        while True:
            held.settimeout(_left(deadline))
            held.sendall(inquiry.line())
            if inquiry.take(_line(held, deadline)):
                return
            time.sleep(min(_PAUSE_S, _left(deadline)))


def _connected(inquiry: _Inquiry, deadline: float) -> socket.socket:
    while True:
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.settimeout(_left(deadline))
            with address(inquiry.folder) as path:
                held.connect(path)
            return held
        except OSError as error:
            held.close()
            inquiry.fail(error)
            if not inquiry.is_early(error):
                raise
        time.sleep(min(_PAUSE_S, _left(deadline)))


def _line(held: socket.socket, deadline: float) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) <= ANSWER_BYTES_MAX:
        held.settimeout(_left(deadline))
        data = held.recv(ANSWER_BYTES_MAX)
        if not data:
            break
        line += data
    return line


async def _ask_soon(inquiry: _Inquiry, deadline: float) -> None:
    try:
        await asyncio.wait_for(_converse(inquiry), _left(deadline))
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        inquiry.fail(error)


async def _converse(inquiry: _Inquiry) -> None:
    while True:
        try:
            with address(inquiry.folder) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=ANSWER_BYTES_MAX)
            break
        except OSError as error:
            inquiry.fail(error)
            if not inquiry.is_early(error):
                raise
        await asyncio.sleep(_PAUSE_S)
    try:
        while True:
            writer.write(inquiry.line())
            if inquiry.take(await reader.readline()):
                return
            await asyncio.sleep(_PAUSE_S)
    finally:
        writer.close()


def _sum(inquiries: list[_Inquiry]) -> Usage:
    answers = [each.answer for each in inquiries if each.answer is not None and each.answer.sessions]
    failed = [each for each in inquiries if each.answer is None and _is_needed(each)]
    faults = [each.fault for each in failed if each.fault is not None]
    if not answers:
        return unknown(next(iter(faults), _NO_SESSION))
    figures = Figures()
    for answer in answers:
        figures.add(answer.usage._asdict())
    if not faults:
        return figures.usage(any(answer.usage.provisional for answer in answers))
    figures.bound("bounded")
    reason = f"{len(faults)} of {len(inquiries)} meters: {faults[0]}"
    return figures.usage(provisional=True)._replace(reason=reason)


def _is_needed(inquiry: _Inquiry) -> bool:
    """Books whose process is gone, and which nobody keeps, hold no session that is asked for."""
    return inquiry.fault != _NO_SOCKET or _is_written(inquiry.folder)


def _is_written(folder: Path) -> bool:
    """Whether the journal's process is alive."""
    try:
        if not (folder / "writer.lock").exists():
            return False
        lock = lock_file(folder / "writer.lock")
    except OSError:
        return False
    if lock is None:
        return True
    os.close(lock)
    return False
