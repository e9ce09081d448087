"""What docs/python.md and the package's README show exists: the blocks compile, and every name is there."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(os.environ.get("DAYPASS_DOCS") or Path(__file__).parents[3] / "docs")
PAGES = [DOCS / "python.md", DOCS.parent / "bindings" / "python" / "README.md"]


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def chains(tree: ast.AST) -> Iterator[list[str]]:
    """Every `daypass.a.b` in the code, and every name in `import daypass.a`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names if alias.name.startswith("daypass"))
        names = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id == "daypass" and names:
            yield ["daypass", *reversed(names)]


def found(chain: list[str]) -> object:
    thing: object = importlib.import_module(chain[0])
    for name in chain[1:]:
        if inspect.ismodule(thing) and not hasattr(thing, name):
            thing = importlib.import_module(f"{thing.__name__}.{name}")
        else:
            thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_compile_and_their_names_exist(page: Path) -> None:
    seen = 0
    for block in blocks(page):
        for chain in chains(ast.parse(block)):
            found(chain)
            seen += 1
    assert seen >= 3


def test_every_keyword_argument_that_is_shown_exists() -> None:
    shown = {"min_ttl", "timeout", "fresh", "config", "env", "ttl", "key", "name", "hosts", "origin"}
    real: set[str] = set()
    for chain in (["TokenSource"], ["TokenSource", "token"], ["token_cache"], ["aiohttp", "Middleware"]):
        real |= set(inspect.signature(found(["daypass", *chain])).parameters)  # type: ignore[arg-type]
    assert shown <= real
