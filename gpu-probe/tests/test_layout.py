"""The package is a house of floors: nothing imports upwards, nothing imports in a circle, and no function or
file is too long to be read at once."""

import ast
from pathlib import Path

import pytest
from imports import circles, imports, room, sources

# From the ground up. A room (a folder or a module of the package) imports rooms of lower floors alone.
FLOORS = (
    # when a card's counter is believed; what is clean text and a token; the sum of a session's figures
    ("counter", "labels", "session_token", "usage"),
    # NVML, question by question; what of the time a card worked
    ("driver",),
    ("activity",),
    # what the integrations know of a probe; how a block ended; what a state folder may be; the sensors
    ("version", "outcome", "protocol", "folders", "nvml"),
    # the published records, the shares of a step, the two logs
    ("records", "sharing", "wal", "journal"),
    # what of a step the card worked
    ("busy",),
    ("device",),
    ("accounting",),
    ("fitting", "publish", "exporter", "node"),
    ("live",),
    # the probe, from what its parts share to what a process makes of it
    ("session",),
    ("registry",),
    ("scopes",),
    ("metered",),
    ("probe",),
    ("environment", "gpu_probe"),
    # the doors
    ("integrations", "cli"),
    ("__main__",),
)
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 300
ROOT = Path(__file__).parents[1]
FILES = [path for part in ("gpu_probe", "tests", "bench", "examples") for path in (ROOT / part).rglob("*.py")]


def upward(graph):
    """Imports of a room on the same floor or above."""
    floor = {name: number for number, rooms in enumerate(FLOORS) for name in rooms}
    return sorted(
        f"{module} imports {target}"
        for module, targets in graph.items()
        for target in targets
        if room(module) != room(target) and floor[room(target)] >= floor[room(module)]
    )


def long_functions(text):
    """Name and length of the functions that are too long, with their decorators and what is inside."""
    return [
        (node.name, node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]


def test_no_modules_import_in_a_circle():
    assert circles(imports(sources())) == []


def test_every_room_has_a_floor_and_imports_lower_floors_alone():
    graph = imports(sources())
    assert {room(module) for module in graph} == {name for rooms in FLOORS for name in rooms}
    assert upward(graph) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_and_files_can_be_read_at_once(path):
    text = path.read_text(encoding="utf-8")
    assert long_functions(text) == []
    # Tests may be longer, up to the bound that holds for the whole repository.
    assert "tests" in path.parts or len(text.splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize(
    "statement",
    [
        "from .b import x",
        "from . import b",
        "import p.b",
        "from p import b",
        "if TYPE_CHECKING:\n    from .b import X",
        "def late():\n    from .b import x",
    ],
)
def test_circles_are_found_however_an_import_is_written(statement):
    graph = imports({"p": "", "p.a": statement, "p.b": "from .c import y", "p.c": "from ..p.a import z"})
    assert circles(graph) == [["p.a", "p.b", "p.c"]]
    assert circles(imports({"p": "", "p.a": statement, "p.b": "import os", "p.c": ""})) == []


def test_an_import_upwards_is_found():
    graph = imports({"gpu_probe.device.x": "from ..live.y import Z", "gpu_probe.live.y": ""})
    assert upward(graph) == ["gpu_probe.device.x imports gpu_probe.live.y"]


def test_a_long_function_is_found():
    text = "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX
    assert long_functions(text) == [("f", FUNCTION_LINES_MAX + 1)]
