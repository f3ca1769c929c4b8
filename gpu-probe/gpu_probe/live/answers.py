"""Answers what sessions have used so far, from the books, over a Unix socket in each journal's folder.

Who keeps the books waits here between two readings of the journals: a question wakes it, the journals are
read once more, and then it is answered. So an answer has everything that was in the journal when it was
asked, and the books need no lock. Only the owner of the folder can ask: the socket has mode 0600.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..folders import FILE_MODE
from .questions import QUESTION_BYTES_MAX, SOCKET, Answer, Question, address, read_question, write_answer

_log = logging.getLogger("gpu_probe")
# Who asks comes, asks and goes; for one more the oldest is cut.
CONNECTIONS_MAX = 64
Book = Callable[[Question], Answer]


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    book: Book
    received: bytes = b""


class _Listener(NamedTuple):
    socket: socket.socket
    book: Book


class Asked(NamedTuple):
    """A question that waits for its answer."""

    connection: _Connection
    question: Question


class Answers:
    """The sockets of one keeper of books. All of it is called by the thread that keeps them."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[Path, _Listener] = {}
        self._connections: dict[_Connection, None] = {}

    def listen(self, folder: Path, book: Book) -> None:
        """From here on a journal's socket is there; whoever calls has the journal's lock. Where the file
        system takes no sockets nobody is answered, and the books go on."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # What a keeper that was killed left.
            (folder / SOCKET).unlink(missing_ok=True)
            # Before it is bound: Linux makes the file with the socket's own mode, other systems refuse.
            with contextlib.suppress(OSError):
                os.fchmod(listener.fileno(), FILE_MODE)
            with address(folder) as path:
                listener.bind(path)
            # Nobody can connect before it listens.
            os.chmod(folder / SOCKET, FILE_MODE)
            listener.setblocking(False)
            listener.listen(CONNECTIONS_MAX)
        except OSError as error:
            listener.close()
            _log.warning("%s: nobody can ask what sessions have used: %s", folder, error)
            return
        held = self._listeners[folder] = _Listener(listener, book)
        self._selector.register(listener, selectors.EVENT_READ, held)

    def forget(self, folder: Path) -> None:
        """The journal is not kept here any more."""
        listener = self._listeners.pop(folder, None)
        if listener is None:
            return
        for connection in [each for each in self._connections if each.book is listener.book]:
            self._end(connection)
        self._selector.unregister(listener.socket)
        listener.socket.close()
        with contextlib.suppress(OSError):
            (folder / SOCKET).unlink()

    def wait(self, pause_s: float) -> list[Asked]:
        """The questions that have come, after so long at most."""
        asked: list[Asked] = []
        for key, _ in self._selector.select(pause_s):
            if isinstance(key.data, _Listener):
                asked += self._accept(key.data)
            elif key.data in self._connections:
                asked += self._receive(key.data)
        return asked

    def reply(self, asked: Asked) -> None:
        """Answers from the books as they are now."""
        connection = asked.connection
        if connection not in self._connections:
            return
        try:
            answer = write_answer(connection.book(asked.question))
            # It fits in what the kernel holds, unless its reader takes nothing.
            sent = connection.socket.send(answer) == len(answer)
        except OSError:
            sent = False
        except Exception:
            _log.exception("a question cannot be answered")
            sent = False
        if not sent:
            self._end(connection)

    def close(self) -> None:
        for folder in list(self._listeners):
            self.forget(folder)
        self._selector.close()

    def detach(self) -> None:
        """In a forked child: the sockets are its parent's."""
        for held in [
            *(each.socket for each in self._listeners.values()),
            *(each.socket for each in self._connections),
        ]:
            held.close()
        self._listeners.clear()
        self._connections.clear()
        self._selector.close()

    def _accept(self, listener: _Listener) -> list[Asked]:
        asked: list[Asked] = []
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.socket.accept()
                accepted.setblocking(False)
                if len(self._connections) >= CONNECTIONS_MAX:
                    self._end(next(iter(self._connections)))
                connection = _Connection(accepted, listener.book)
                self._connections[connection] = None
                self._selector.register(accepted, selectors.EVENT_READ, connection)
                # The question is mostly there already.
                asked += self._receive(connection)
        return asked

    def _receive(self, connection: _Connection) -> list[Asked]:
        try:
            data = connection.socket.recv(QUESTION_BYTES_MAX)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        lines = (connection.received + data).split(b"\n")
        connection.received = lines.pop()
        try:
            if not data or len(connection.received) > QUESTION_BYTES_MAX:
                raise ValueError("a question is a line")
            return [Asked(connection, read_question(line)) for line in lines]
        except (ValueError, TypeError):
            self._end(connection)
            return []

    def _end(self, connection: _Connection) -> None:
        del self._connections[connection]
        self._selector.unregister(connection.socket)
        connection.socket.close()
