"""Requests of transformers' continuous batching as sessions: whose they are, and where they begin and end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..protocol import ProbeLike, Row, SessionHandle
from .computed import PromptProgress
from .labels import UNKNOWN, Labels, clean_label

# On a RequestState; it stays with it through deepcopy, and through pickle as labels.
TICKET = "gpu_probe_ticket"


class Caller:
    """Whose the requests are that are added in a context. ``session`` is an open one that they all belong to;
    without it each is a session of its own."""

    def __init__(self, labels: Labels, session: SessionHandle | None = None) -> None:
        self.labels = labels
        self.session = session
        self._requests = 0

    def next_session_id(self) -> str:
        """Unique for each request, and the same on every rank that the request is sent to."""
        self._requests += 1
        given = self.labels.session_id
        if given is None:
            return uuid.uuid4().hex
        return given if self._requests == 1 else clean_label(f"{given}-{self._requests}") or given


_labels: ContextVar[Caller | None] = ContextVar("gpu_probe_batching_labels", default=None)
_adding: ContextVar[Caller | None] = ContextVar("gpu_probe_batching_adding", default=None)


@contextmanager
def labelled(labels: Labels) -> Iterator[None]:
    """Requests that are added to continuous batching in the block are these labels', each a session of its
    own."""
    token = _labels.set(Caller(labels))
    try:
        yield
    finally:
        _labels.reset(token)


class Ticket:
    """A request, and the sequences that came of it: they are one session, like the beams of one prompt."""

    def __init__(self, labels: Labels, session_id: str, session: SessionHandle | None = None) -> None:
        self._labels = labels
        self._session_id = session_id
        self._given = session
        self._progress: PromptProgress | None = None
        self._sequences: set[str] = set()
        self._tokens = 0

    def __deepcopy__(self, _: object) -> Ticket:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Ticket, (self._labels, self._session_id)

    def join(self, probe: ProbeLike, request_id: str, prompt_tokens: int) -> None:
        """A sequence is to be computed; the first one opens the session."""
        self._sequences.add(request_id)
        if self._progress is None:
            session = self._given or probe.open_session(
                **self._labels._replace(session_id=self._session_id).fields(), prompt_tokens=prompt_tokens
            )
            self._progress = PromptProgress(session, prompt_tokens)

    def rows(self, new: int, context: int) -> list[Row]:
        """Its rows in a step; none for a request that was never scheduled."""
        return [] if self._progress is None else self._progress.rows(new, context)

    def count(self, tokens: int) -> None:
        """Tokens that its caller gets."""
        self._tokens += tokens

    def leave(self, request_id: str, outcome: str) -> None:
        """A sequence is over; the last one ends the session, unless that is somebody else's to close."""
        if request_id not in self._sequences:
            return
        self._sequences.discard(request_id)
        if self._sequences or self._progress is None:
            return
        session = self._progress.session
        if self._given is None:
            session.close(outcome, self._tokens)
        else:
            session.tokens_out = (session.tokens_out or 0) + self._tokens
            self._tokens = 0


def caller(probe: ProbeLike, default: Labels, model: Any) -> Caller:
    """Whose a request is that is made now: ``labelled``'s, the current session's, else the default's."""
    given = _labels.get()
    if given is None:
        given = Caller(default, probe.current())
    if given.labels.model == UNKNOWN:
        given.labels = given.labels._replace(model=model_name(model))
    return given


def model_name(model: Any) -> str:
    """Where the weights came from, else the name of the model's class."""
    name = getattr(getattr(model, "config", None), "name_or_path", None)
    return clean_label(name) or type(model).__name__


@contextmanager
def adding(by: Caller) -> Iterator[None]:
    """Request states that are made in the block are new requests of this caller."""
    token = _adding.set(by)
    try:
        yield
    finally:
        _adding.reset(token)


def give_ticket(state: Any) -> None:
    """Hangs a ticket on a request state that a caller's request has made."""
    by = _adding.get()
    if by is not None:
        setattr(state, TICKET, Ticket(by.labels, by.next_session_id(), by.session))


def ticket_of(state: Any) -> Ticket | None:
    """The ticket of a request state; None for one of a warm-up."""
    ticket: Ticket | None = vars(state).get(TICKET)
    return ticket


def inherit(made: Any, source: Any) -> Any:
    """A state that was made from another belongs to the same request."""
    ticket = ticket_of(source)
    if ticket is not None:
        setattr(made, TICKET, ticket)
    return made
