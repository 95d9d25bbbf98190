"""Small faults of the kinds that people make in estimators: a sign, a factor, a detach that is missing, one too few."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
KINDS = ("sign", "factor", "detach", "off by one")

_Edit = Callable[[ast.AST], ast.AST]
Kind = TypeVar("Kind", bound=ast.AST)


@dataclass(frozen=True)
class Mutant:
    """A module with one fault.

    Attributes:
        module: its dotted name.
        kind: one of `KINDS`.
        line: where the fault is.
        before: source of the place, as it was.
        after: as it is now.
        source: of the whole module.
    """

    module: str
    kind: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}  {self.before}  ->  {self.after}"


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's source."""
    places = [*_places(ast.parse(source))]
    for number, (place, kind, edit) in enumerate(places):
        # A fresh tree for each, so that one fault stands alone.
        fresh = ast.parse(source)
        node, _, _ = [*_places(fresh)][number]
        changed = edit(copy.deepcopy(node))
        tree = ast.fix_missing_locations(_Replace(node, changed).visit(fresh))
        yield Mutant(
            module,
            kind,
            getattr(place, "lineno", 0),
            ast.unparse(place),
            ast.unparse(ast.fix_missing_locations(changed)),
            ast.unparse(tree),
        )


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, _Edit]]:
    for function in _functions(tree):
        for statement in function.body:
            yield from _in(statement)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield functions that compute; what refuses a task or describes itself makes no number."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            if not node.name.startswith(("require", "__repr__", "__str__")):
                yield node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node)


def _in(node: ast.AST) -> Iterator[tuple[ast.AST, str, _Edit]]:
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
        return
    if isinstance(node, ast.If) and all(isinstance(statement, ast.Raise) for statement in node.body):
        return
    if isinstance(node, ast.BinOp):
        yield from _of_arithmetic(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield node, "sign", lambda old: _as(old, ast.UnaryOp).operand
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "detach":
        yield node, "detach", lambda old: _as(_as(old, ast.Call).func, ast.Attribute).value
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _NEIGHBOURS:
        yield node, "off by one", _with_neighbour
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _in(child)


def _of_arithmetic(node: ast.BinOp) -> Iterator[tuple[ast.AST, str, _Edit]]:
    if isinstance(node.op, ast.Add | ast.Sub):
        yield node, "sign", _with_other_sign
    if isinstance(node.op, ast.Mult | ast.Div):
        yield node, "factor", lambda old: ast.BinOp(ast.Constant(2), ast.Mult(), _as(old, ast.expr))
    for side in ("left", "right"):
        constant = getattr(node, side)
        if isinstance(constant, ast.Constant) and type(constant.value) is int:
            yield node, "off by one", _with_one_more(side)


_NEIGHBOURS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


def _with_neighbour(old: ast.AST) -> ast.AST:
    node = _as(old, ast.Compare)
    node.ops = [_NEIGHBOURS[type(node.ops[0])]()]
    return node


def _with_other_sign(old: ast.AST) -> ast.AST:
    node = _as(old, ast.BinOp)
    node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    return node


def _with_one_more(side: str) -> _Edit:
    def edit(old: ast.AST) -> ast.AST:
        node = _as(old, ast.BinOp)
        constant = _as(getattr(node, side), ast.Constant)
        assert isinstance(constant.value, int)
        setattr(node, side, ast.Constant(constant.value + 1))
        return node

    return edit


def _as(node: ast.AST, kind: type[Kind]) -> Kind:
    assert isinstance(node, kind)
    return node


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().visit(node)


def module_files() -> dict[str, Path]:
    """Return the files of `estimators/` by dotted name."""
    files = sorted((ROOT / "estimators").rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}
