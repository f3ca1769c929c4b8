"""Busy time: what of a step's elapsed time the card worked, from the card's own activity counter.

The counter knows how long the card worked in each tick of about 100 ms, and not for whom. The splitter learns
how long the card works for one step of each class, splits every tick's busy time over the steps in it, and
calls *unmetered* what they do not explain.
"""

from .splitter import BusySplitter, Listener
from .tick import Tick, Use

__all__ = ["BusySplitter", "Listener", "Tick", "Use"]
