"""The books of one journal: its entries in, finished records out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..accounting import GpuMeter, Output
from ..device.interface import DeviceInfo, Record
from ..fitting.refit import Refit
from ..journal.entries import Entry
from ..sharing import Coefficients, make_policy, shipped_coefficients
from ..usage import Figures
from .questions import Answer, Question
from .translate import Translator


class Terms(NamedTuple):
    """What a journal's first entry says of how it is booked. ``coefficients`` are there for the policies that
    have some: the shipped ones of another version may be others."""

    info: DeviceInfo
    policy: str
    coefficients: Coefficients | None
    refit: bool
    operator: str
    cold_start: bool


def terms_of(meta: dict[str, Any]) -> Terms:
    """Reads the fields of a journal's META entry."""
    given = meta["coefficients"]
    coefficients = None if given is None else Coefficients(**given)
    if coefficients is None and meta["policy"] == "fitted-hinge":
        coefficients = shipped_coefficients()
    return Terms(
        DeviceInfo(**meta["info"]),
        meta["policy"],
        coefficients,
        bool(meta.get("refit")),
        meta["operator"],
        meta["cold_start"],
    )


class Books:
    """``listener`` gets each record before it is booked. Annotated here is what a checkpoint keeps."""

    translator: Translator
    meter: GpuMeter
    refit: Refit | None

    def __init__(self, terms: Terms, output: Output) -> None:
        self.terms = terms
        self.listener: Callable[[Record], None] | None = None
        self.translator = Translator(terms.info, terms.cold_start)
        self.refit = Refit(terms.coefficients or shipped_coefficients()) if terms.refit else None
        policy = make_policy(terms.policy, terms.coefficients)
        self.meter = GpuMeter(terms.info, policy, output, terms.operator, self.refit)

    @property
    def ended(self) -> bool:
        return self.translator.ended

    def take(self, entry: Entry) -> None:
        self._book(self.translator.take(entry))

    def answer(self, question: Question) -> Answer:
        """What the sessions that a question means have used so far."""
        means = question.means
        found = [each for each in self.meter.sessions() if means(each.session_id, each.ticket)]
        under_way = {each.order: self.translator.under_way(each.order) for each in found if not each.is_over}
        sent = [step for steps in under_way.values() for step in (*steps.rowless, *steps.named)]
        # What is sent after the question is none of its business.
        until = max(sent, default=-1) if question.until is None else question.until
        figures, pending, provisional = Figures(), False, False
        for session in found:
            steps = under_way.get(session.order)
            waits = steps is not None and steps.holds(session.in_flight, until)
            usage = self.meter.usage(session, waits)
            figures.add(usage._asdict())
            pending, provisional = pending or waits, provisional or usage.provisional
        return Answer(len(found), figures.usage(provisional), until, pending)

    def interrupt(self) -> None:
        """The writer is gone without a word."""
        self._book(self.translator.interrupt())

    def _book(self, records: list[Record]) -> None:
        for record in records:
            if self.listener is not None:
                self.listener(record)
            self.meter.take(record)
