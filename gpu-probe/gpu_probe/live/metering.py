"""Reads a journal and keeps the books. Runs in a thread of the serving process, in a process beside it, or
after its death: the same entries give the same events, ids included."""

from __future__ import annotations

import fcntl
import io
import os
import pickle
import shutil
import zlib
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ..accounting import GpuMeter, Output
from ..device.interface import DeviceInfo, Record
from ..fitting.refit import Refit
from ..sharing import Coefficients, make_policy, shipped_coefficients
from . import entries
from .journal import JournalReader, Place
from .recording import TraceWriter
from .translate import Translator

# Changes with anything that a checkpoint holds.
_STATE = b"GPCKP02\n"


class MeteringError(RuntimeError):
    """The journal cannot be read on; the text says why."""


class Metering:
    """The books of one journal.

    Once a segment is read, the state of the books is kept beside it (``checkpoint``) and the segment removed;
    after a crash reading goes on from there, and what is given out twice carries the same ids.
    """

    def __init__(self, folder: Path, output: Output) -> None:
        self.folder = folder
        self.done = False
        self._output = output
        self._lock = _take(folder / "reader.lock")
        self._reader = JournalReader(folder)
        self._meter: Optional[GpuMeter] = None
        self._translator: Optional[Translator] = None
        self._refit: Optional[Refit] = None
        self._trace: Optional[TraceWriter] = None
        self._kept = 0
        try:
            self._restore()
        except BaseException:
            os.close(self._lock)
            raise

    def poll(self) -> int:
        """Books what the journal holds by now; how many entries."""
        gone = self._reader.writer_is_gone()
        count = 0
        for body in self._reader.read():
            count += 1
            self._book(entries.decode(body))
        if self._refit is not None:
            self._keep_coefficients(self._refit)
        if self._translator is not None and self._translator.ended:
            self.done = True
        elif gone:
            if self._translator is not None:
                self._give(self._translator.interrupt())
            self.done = True
        elif self._reader.place.segment > self._kept and self._trace is None:
            self._checkpoint()
        return count

    def writer_is_gone(self) -> bool:
        return self._reader.writer_is_gone()

    def close(self, remove: bool = False) -> None:
        """Stops reading. ``remove`` when all of it is given out and kept elsewhere."""
        if self._trace is not None:
            self._trace.close()
        self._reader.close()
        os.close(self._lock)
        if remove:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _book(self, entry: entries.Entry) -> None:
        if entry.kind == entries.META:
            self._begin(entry.value)
        elif self._translator is not None:
            self._give(self._translator.take(entry))

    def _begin(self, meta: Dict[str, Any]) -> None:
        info = DeviceInfo(**meta["info"])
        given = meta["coefficients"]
        coefficients = None if given is None else Coefficients(**given)
        policy = make_policy(meta["policy"], coefficients)
        self._translator = Translator(info, meta["cold_start"])
        if meta.get("refit"):
            self._refit = Refit(coefficients or shipped_coefficients())
        self._meter = GpuMeter(info, policy, self._output, meta["operator"], self._refit)
        if meta["record"]:
            self._trace = TraceWriter(Path(meta["record"]), info)

    def _give(self, records: List[Record]) -> None:
        assert self._meter is not None, "the first entry of a journal is its meta"
        for record in records:
            if self._trace is not None:
                self._trace.write(record)
            self._meter.take(record)

    def _keep_coefficients(self, refit: Refit) -> None:
        """By their label, as it is on the events, so that a bill can be worked out again."""
        for coefficients in refit.adopted:
            path = self.folder.parents[1] / "coefficients" / f"{coefficients.label}.json"
            try:
                path.parent.mkdir(exist_ok=True)
                path.write_text(coefficients.to_json({"sources": ["refit"]}), encoding="utf-8")
            except OSError:
                # The disk is full: they are still in the refit's state, and tried again.
                return
        refit.adopted.clear()

    def _checkpoint(self) -> None:
        place = self._reader.place
        data = _dump((tuple(place), self._translator, self._meter, self._refit), self._output)
        fresh = self.folder / "checkpoint.new"
        try:
            fresh.write_bytes(_STATE + zlib.crc32(data).to_bytes(4, "little") + data)
            os.replace(fresh, self.folder / "checkpoint")
        except OSError:
            # The segments stay: reading begins further back after a crash.
            return
        self._kept = place.segment
        self._reader.forget(place.segment)

    def _restore(self) -> None:
        try:
            data = (self.folder / "checkpoint").read_bytes()
        except FileNotFoundError:
            return
        head = len(_STATE) + 4
        if data[: len(_STATE)] != _STATE or zlib.crc32(data[head:]) != int.from_bytes(
            data[len(_STATE) : head], "little"
        ):
            raise MeteringError(
                f"{self.folder}: the checkpoint is damaged or of another version of gpu-probe"
            )
        place, self._translator, self._meter, self._refit = _load(data[head:], self._output)
        self._reader.place = Place(*place)
        self._kept = self._reader.place.segment


def _take(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise MeteringError(f"{path.parent} is read by another process") from None
    return lock


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, output: Output) -> None:
        super().__init__(file, protocol=4)
        self._output = output

    def persistent_id(self, obj: Any) -> Optional[str]:
        return "output" if obj is self._output else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, output: Output) -> None:
        super().__init__(file)
        self._output = output

    def persistent_load(self, pid: Any) -> Any:
        return self._output


def _dump(state: Tuple[Any, ...], output: Output) -> bytes:
    file = io.BytesIO()
    _Pickler(file, output).dump(state)
    return file.getvalue()


def _load(data: bytes, output: Output) -> Any:
    return _Unpickler(io.BytesIO(data), output).load()
