"""One request that is one GPU step of one session: what the model servers without batching of their own
share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..outcome import outcome_of
from ..protocol import ProbeLike, SessionHandle
from .labels import Labels


@contextmanager
def closing(session: SessionHandle) -> Iterator[SessionHandle]:
    """Closes the session with the outcome of the block."""
    try:
        yield session
    except BaseException as error:
        session.close(outcome_of(error))
        raise
    session.close("ok")


@contextmanager
def request(probe: ProbeLike, labels: Labels | None, size: int = 1) -> Iterator[SessionHandle | None]:
    """The block is one step of ``size`` units of work.

    Without labels nothing is opened; inside an open session (an ASGI middleware's) the step is that
    session's.
    """
    if labels is None:
        yield None
        return
    current = probe.current()
    if current is not None:
        with probe.step([(current, size, size)]):
            yield current
        return
    session = probe.open_session(**labels.fields())
    with closing(session), probe.use(session), probe.step([(session, size, size)]):
        yield session
