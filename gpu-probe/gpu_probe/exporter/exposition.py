"""The text formats of Prometheus: 0.0.4, and OpenMetrics 1.0, which alone carries exemplars.

Written out here, because the package has no dependencies and prometheus_client keeps counters as floats:
sums of nanoseconds would lose digits after 104 days.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# OpenMetrics' bound for names and values of an exemplar's labels together.
_EXEMPLAR_CHARACTERS = 128


class Exemplar(NamedTuple):
    """A session that made a counter grow, at an instant in microseconds since the Unix epoch."""

    labels: tuple[tuple[str, str], ...]
    value: int
    at_us: int


class Family:
    """One metric: whole numbers, shown divided by 10 to the power of ``decimals``."""

    def __init__(
        self, name: str, kind: str, text: str, labels: tuple[str, ...] = (), decimals: int = 0
    ) -> None:
        self.name = name
        self.kind = kind  # counter | gauge | info
        self.text = text
        self.labels = labels
        self._decimals = decimals
        self._values: dict[tuple[str, ...], int] = {}
        self._exemplars: dict[tuple[str, ...], Exemplar] = {}

    def add(self, amount: int, *labels: str, exemplar: Exemplar | None = None) -> None:
        self._values[labels] = self._values.get(labels, 0) + amount
        if exemplar is not None and amount:
            self._exemplars[labels] = exemplar

    def set(self, value: int, *labels: str) -> None:
        self._values[labels] = value

    def lines(self, openmetrics: bool) -> Iterable[str]:
        suffix = {"counter": "_total", "info": "_info"}.get(self.kind, "")
        declared = self.name if openmetrics else self.name + suffix
        yield f"# HELP {declared} {self.text}"
        yield f"# TYPE {declared} {self.kind if openmetrics or self.kind != 'info' else 'gauge'}"
        for labels, value in sorted(self._values.items()):
            line = f"{self.name}{suffix}{_braces(zip(self.labels, labels))} {self._number(value)}"
            exemplar = self._exemplars.get(labels) if openmetrics else None
            yield line if exemplar is None else line + self._exemplar(exemplar)

    def _number(self, value: int) -> str:
        if not self._decimals:
            return str(value)
        sign = "-" if value < 0 else ""
        whole, part = divmod(abs(value), 10**self._decimals)
        return f"{sign}{whole}.{part:0{self._decimals}d}"

    def _exemplar(self, exemplar: Exemplar) -> str:
        room, kept = _EXEMPLAR_CHARACTERS, []
        for name, value in exemplar.labels:
            room -= len(name) + len(value)
            if room < 0:
                break
            kept.append((name, value))
        seconds, micros = divmod(exemplar.at_us, 1_000_000)
        braces = _braces(kept) or "{}"
        return f" # {braces} {self._number(exemplar.value)} {seconds}.{micros:06d}"


def render(families: Iterable[Family], openmetrics: bool) -> str:
    """A page with all families."""
    lines: list[str] = []
    for family in families:
        lines += family.lines(openmetrics)
    return "\n".join([*lines, "# EOF"] if openmetrics else lines) + "\n"


def _braces(pairs: Iterable[tuple[str, str]]) -> str:
    text = ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)
    return f"{{{text}}}" if text else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
