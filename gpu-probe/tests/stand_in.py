"""A probe that writes down what an integration asks of it."""

from contextlib import contextmanager
from contextvars import ContextVar

from gpu_probe.protocol import ProbeLike

LABELS = ("tenant_id", "project_id", "user_id", "session_id", "model", "model_version")


class Session:
    def __init__(self, number, labels):
        self.labels = labels
        self.session_id = labels.get("session_id") or f"made-{number}"
        self.outcome = None
        self.tokens_out = None

    def note_prompt(self, tokens):
        self.labels.setdefault("prompt_tokens", tokens)

    def close(self, outcome="ok", tokens_out=None):
        if self.outcome is None:
            self.outcome = outcome
            self.tokens_out = self.tokens_out if tokens_out is None else tokens_out


class StandInProbe:
    """``steps`` are lists of (session_id, new tokens, context tokens); ``now`` is the depth of open steps."""

    def __init__(self):
        self.sessions = []
        self.steps = []
        self.warmups = []
        self.open_steps = 0
        self._current = ContextVar("current", default=None)

    def open_session(self, **labels):
        self.sessions.append(Session(len(self.sessions), labels))
        return self.sessions[-1]

    @contextmanager
    def session(self, **labels):
        session = self.open_session(**labels)
        with self.use(session):
            yield session
        session.close()

    @contextmanager
    def use(self, session):
        token = self._current.set(session)
        try:
            yield
        finally:
            self._current.reset(token)

    def current(self):
        return self._current.get()

    @contextmanager
    def step(self, rows):
        if self.open_steps == 0:
            self.steps.append([(session.session_id, new, context) for session, new, context in rows])
        self.open_steps += 1
        try:
            yield
        finally:
            self.open_steps -= 1

    @contextmanager
    def warmup(self, model="unknown", model_version="unknown", phase="warmup"):
        self.warmups.append((model, model_version, phase))
        yield

    @property
    def outcomes(self):
        return [session.outcome for session in self.sessions]

    def labels(self, at=0):
        return {name: self.sessions[at].labels.get(name) for name in LABELS}


_: ProbeLike = StandInProbe()
