"""What a reader knows of steps whose rows it has not read, or that name rows which it has."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..device.interface import SessionClosed
from ..journal import MANIFESTS_KEPT
from ..journal.entries import UNNAMED, Manifest, StepRepeat, StepRows


@dataclass(slots=True, eq=False)
class Manifests:
    """The latest ones, by their number."""

    _kept: dict[int, Manifest] = field(default_factory=dict)

    def keep(self, launch: StepRows) -> Manifest:
        """The rows of a step, which later ones may name."""
        if launch.manifest != UNNAMED:
            self._kept[launch.manifest] = launch.rows
            if len(self._kept) > MANIFESTS_KEPT:
                del self._kept[next(iter(self._kept))]
        return launch.rows

    def find(self, launch: StepRepeat) -> Manifest:
        """The rows of a step that names them. Raises ValueError where the journal does not hold them."""
        rows = self._kept.get(launch.manifest)
        if rows is None:
            raise ValueError(
                f"step {launch.start.step} has the rows of manifest {launch.manifest}, which is not there"
            )
        return rows._replace(context_tokens=tuple(tokens + launch.shift for tokens in rows.context_tokens))


@dataclass(slots=True, eq=False)
class RowlessSteps:
    """Steps whose rows are not known yet, and the closes that wait for them: the session may be in one."""

    _steps: dict[int, None] = field(default_factory=dict)
    _closes: list[tuple[SessionClosed, set[int]]] = field(default_factory=list)

    def __contains__(self, step: int) -> bool:
        return step in self._steps

    def steps(self) -> list[int]:
        return list(self._steps)

    def add(self, step: int) -> None:
        self._steps[step] = None

    def hold(self, closed: SessionClosed) -> bool:
        """Whether the close has to wait."""
        if not self._steps:
            return False
        self._closes.append((closed, set(self._steps)))
        return True

    def release(self, step: int) -> list[SessionClosed]:
        """The step's rows are known: the closes that waited for nothing else."""
        self._steps.pop(step, None)
        free: list[SessionClosed] = []
        waiting, self._closes = self._closes, []
        for closed, steps in waiting:
            steps.discard(step)
            if steps:
                self._closes.append((closed, steps))
            else:
                free.append(closed)
        return free
