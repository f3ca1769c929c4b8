"""Coefficients of the fitted hinge: integers in a versioned JSON file, so that a bill can be worked out
again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = "gpu-probe/coefficients@1"
_COSTS = ("fixed_fs", "token_fs", "prefill_fs", "decode_fs", "longest_prefill_fs", "longest_decode_fs")
_NUMBERS = ("version", "threshold_tokens", *_COSTS)
_SHIPPED = Path(__file__).parent / "fitted" / "synthetic-7b-h100.json"


class Coefficients(NamedTuple):
    """Fitted for one model on one GPU. All integers of at least 0; *_fs in femtoseconds.

    ``fixed_fs`` a step costs however little is in it, ``token_fs`` each new token past ``threshold_tokens``,
    ``prefill_fs`` each pair of a prompt token and a token that it attends to, ``decode_fs`` each token of a
    decoding row's context. ``longest_prefill_fs`` and ``longest_decode_fs`` each token of the longest context
    among the rows of that phase: with few rows an attention kernel ends when its longest row does.
    """

    version: int
    model: str
    gpu_model: str
    fixed_fs: int
    token_fs: int
    threshold_tokens: int
    prefill_fs: int
    decode_fs: int
    longest_prefill_fs: int
    longest_decode_fs: int

    @property
    def label(self) -> str:
        """Version and a hash of the numbers: two files of version 1 have different labels on the bill."""
        numbers = ",".join(str(getattr(self, name)) for name in _NUMBERS)
        return f"{self.version}+{hashlib.sha256(numbers.encode()).hexdigest()[:8]}"

    def to_json(self, fitted_on: dict[str, Any]) -> str:
        """The file's text. ``fitted_on`` says from what, for people."""
        return json.dumps({"format": FORMAT, **self._asdict(), "fitted_on": fitted_on}, indent=2) + "\n"


def load_coefficients(path: str | Path) -> Coefficients:
    """Reads a coefficients file. Raises ValueError with every fault of it, OSError if it cannot be read."""
    document = json.loads(Path(path).read_text(encoding="utf-8"))
    faults = []
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path}: format is not {FORMAT}")
    for name in _NUMBERS:
        value = document.get(name)
        if type(value) is not int or value < 0:
            faults.append(f"{name} must be a whole number of at least 0, not {value!r}")
    for name in ("model", "gpu_model"):
        if not isinstance(document.get(name), str) or not document[name]:
            faults.append(f"{name} must be text")
    if not faults and not any(document[name] for name in _COSTS):
        faults.append("all costs are 0")
    if faults:
        raise ValueError(f"{path}: {'; '.join(faults)}")
    return Coefficients(**{name: document[name] for name in Coefficients._fields})


def shipped_coefficients() -> Coefficients:
    """Fitted from the recorded trace that comes with the project; a start for other models, not their
    truth."""
    return load_coefficients(_SHIPPED)
