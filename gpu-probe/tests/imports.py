"""What the modules of the package import, read from their source: every import counts, those for types only
and those inside functions too."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "gpu_probe"


def sources(folder=PACKAGE):
    """Module name to its source."""
    return {_name(path, folder): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}


def imports(texts):
    """Module name to the modules of the package that it imports."""
    packages = {name.rpartition(".")[0] for name in texts} | {name for name in texts if "." not in name}
    return {name: set(_targets(name, text, texts, packages)) - {name} for name, text in texts.items()}


def circles(graph):
    """The groups of modules that reach each other: Tarjan's algorithm."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in number:
                visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == number[node]:
            group = stack[stack.index(node) :]
            del stack[-len(group) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in number:
            visit(node)
    return found


def room(module):
    """The folder or module right under the package: ``live`` of ``gpu_probe.live.unit``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def _name(path, folder):
    parts = [folder.name, *path.relative_to(folder).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _targets(name, text, texts, packages):
    base = name.split(".") if name in packages else name.split(".")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in texts)
        elif isinstance(node, ast.ImportFrom):
            start = base[: len(base) + 1 - node.level] if node.level else []
            module = ".".join([*start, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                target = f"{module}.{alias.name}"
                if target in texts or module in texts:
                    yield target if target in texts else module
