"""A recipe checked against a schema: every output resolved to variables, functions and numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processing.container import InputError
from processing.recipe.expressions import Call, Expression, Name, Number, parse
from processing.schema import BINARY, CATEGORICAL, NUMERIC, TEXT, Schema, listed, nearest, read_json

TOKENS = "TOKENS"
"""The type of what ngram, osb and cartesian over text give: several strings a row."""

WORDS = (CATEGORICAL, BINARY, TEXT, TOKENS)
GROUP_FUNCTIONS = ("group", "group_remove")
SECTIONS = ("groups", "assignments", "outputs")


@dataclass(frozen=True)
class Function:
    """What a function takes and gives.

    takes: types of its variable; gives: the result's type.
    number: the smallest and the largest value of its second argument, or None where it has none.
    """

    takes: tuple[str, ...]
    gives: str
    number: tuple[int, int] | None = None


FUNCTIONS = {
    "lowercase": Function((TEXT,), TEXT),
    "no_punct": Function((TEXT,), TEXT),
    "ngram": Function((TEXT,), TOKENS, (1, 10)),
    "osb": Function((TEXT,), TOKENS, (2, 10)),
    "normalize": Function((NUMERIC,), NUMERIC),
    "quantile_bin": Function((NUMERIC,), CATEGORICAL, (2, 1000)),
}
"""Functions of one variable; cartesian takes two or more."""

KNOWN = (*FUNCTIONS, "cartesian", *GROUP_FUNCTIONS)


@dataclass(frozen=True)
class Node:
    """One value per row: a variable (no function), or a function of other nodes.

    text: its canonical form, which names it in what was fitted. kind: its type.
    variable: the attribute that a variable stands for.
    """

    text: str
    kind: str
    variable: str = ""
    function: str = ""
    arguments: tuple[Node, ...] = ()
    number: int = 0

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, the innermost first."""
        for argument in self.arguments:
            yield from argument.walk()
        yield self


def read_recipe(path: Path) -> Any:
    """Read a recipe file's JSON."""
    return read_json(path, "recipe")


def plan(recipe: Any, schema: Schema, source: str) -> list[Node]:
    """Return the outputs of a recipe over a schema's inputs.

    Raises InputError, beginning with `source`, for an unknown name or function, a type that a function does
    not take, a cycle, an assignment that no output uses, or an output that is there twice.
    """
    sections = _sections(recipe, source)
    resolver = _Resolver(sections, schema, source)
    outputs: dict[str, Node] = {}
    for number, text in enumerate(sections["outputs"]):
        where = f"{source}: outputs[{number}]"
        for node in resolver.nodes(parse(text, where), where):
            if node.text in outputs:
                raise InputError(f"{where}: {node.text} is among the outputs already; take one out")
            outputs[node.text] = node
    if not outputs:
        raise InputError(f"{source}: the outputs are no variable at all; add one, such as ALL_INPUTS")
    unused = sorted(sections["assignments"].keys() - resolver.used)
    if unused:
        raise InputError(f"{source}: the assignment {unused[0]!r} is used by no output; use it or remove it")
    return list(outputs.values())


def all_inputs(schema: Schema) -> list[Node]:
    """Return the outputs of data that has no recipe: every input as it is."""
    return [_variable(name, kind) for name, kind in schema.inputs.items()]


def _variable(name: str, kind: str) -> Node:
    # Quoted where the bare name would read as something else, so that no two nodes have one text.
    plain = not any(mark in name for mark in "(),'\"") and not name.isdigit()
    return Node(name if plain else json.dumps(name, ensure_ascii=False), kind, name)


def _sections(recipe: Any, source: str) -> dict[str, Any]:
    if not isinstance(recipe, dict):
        raise InputError(f"{source}: a JSON object is wanted, not {type(recipe).__name__}")
    for key in recipe:
        if key not in SECTIONS:
            raise InputError(
                f"{source}: unknown key {key!r}{nearest(key, SECTIONS)}; known: {', '.join(SECTIONS)}"
            )
    for key in ("groups", "assignments"):
        if not isinstance(recipe.get(key) or {}, dict):
            raise InputError(f"{source}: {key} is {recipe[key]!r}; write an object of name → expression")
    outputs = recipe.get("outputs")
    if not isinstance(outputs, list) or not outputs:
        raise InputError(f"{source}: outputs is {outputs!r}; list what the model is to learn from")
    return {
        "groups": recipe.get("groups") or {},
        "assignments": recipe.get("assignments") or {},
        "outputs": outputs,
    }


class _Resolver:
    """Names → nodes; each group and assignment is resolved once."""

    def __init__(self, sections: Mapping[str, Any], schema: Schema, source: str) -> None:
        self._source = source
        self._variables = {node.variable: node for node in all_inputs(schema)}
        every = list(self._variables.values())
        self._groups = {
            "ALL_INPUTS": every,
            **{f"ALL_{kind}": [node for node in every if node.kind == kind] for kind in _KINDS},
        }
        self._definitions = {**sections["groups"], **sections["assignments"]}
        self._sections = {name: key for key in ("groups", "assignments") for name in sections[key]}
        self._apart = set(schema.types) - set(self._variables)
        self._open: list[str] = []
        self._resolved: dict[str, list[Node]] = {}
        self.used: set[str] = set()
        for name, key in self._sections.items():
            taken = name in self._variables or name in self._groups
            if taken or (key == "assignments" and name in sections["groups"]):
                raise InputError(f"{source}: {key}: the name {name!r} is taken already; choose another")

    def nodes(self, expression: Expression, where: str) -> list[Node]:
        """Return the one node, or the group of nodes, that an expression stands for."""
        if isinstance(expression, Number):
            raise InputError(f"{where}: the number {expression.value} stands where a variable is expected")
        if isinstance(expression, Name):
            return self._named(expression.name, where)
        if expression.function in GROUP_FUNCTIONS:
            return self._group(expression, where)
        if expression.function == "cartesian":
            return [self._cartesian(expression, where)]
        if expression.function not in FUNCTIONS:
            raise InputError(
                f"{where}: unknown function {expression.function!r}{nearest(expression.function, KNOWN)}; "
                f"known: {', '.join(KNOWN)}"
            )
        return self._applied(expression, FUNCTIONS[expression.function], where)

    def _named(self, name: str, where: str) -> list[Node]:
        if name in self._variables:
            return [self._variables[name]]
        if name in self._groups:
            return self._groups[name]
        if name in self._definitions:
            return self._defined(name)
        if name in self._apart:
            raise InputError(f"{where}: {name!r} is the target, the row id or excluded; it is no input")
        known = [*self._variables, *self._groups, *self._definitions]
        raise InputError(
            f"{where}: unknown variable or group {name!r}{nearest(name, known)}; known: {listed(known)}"
        )

    def _defined(self, name: str) -> list[Node]:
        self.used.add(name)
        if name in self._open:
            cycle = " → ".join([*self._open[self._open.index(name) :], name])
            raise InputError(f"{self._source}: a cycle: {cycle}; break it")
        if name not in self._resolved:
            where = f"{self._source}: {self._sections[name]}: {name}"
            self._open.append(name)
            self._resolved[name] = self.nodes(parse(self._definitions[name], where), where)
            self._open.pop()
        return self._resolved[name]

    def _group(self, call: Call, where: str) -> list[Node]:
        members = [self.nodes(argument, where) for argument in call.arguments]
        if call.function == "group":
            return list({node.text: node for nodes in members for node in nodes}.values())
        removed = {node.text for nodes in members[1:] for node in nodes}
        missing = removed - {node.text for node in members[0]}
        if len(members) < 2 or missing:
            what = f"{sorted(missing)[0]} is not in the group" if missing else "nothing to remove is named"
            raise InputError(f"{where}: group_remove: {what}; write group_remove(GROUP, member, …)")
        return [node for node in members[0] if node.text not in removed]

    def _applied(self, call: Call, function: Function, where: str) -> list[Node]:
        number = self._number(call, function, where)
        nodes = self.nodes(call.arguments[0], where)
        for node in nodes:
            if node.kind not in function.takes:
                raise InputError(
                    f"{where}: {call.function} takes {' or '.join(function.takes)}, but {node.text} is "
                    f"{node.kind}"
                )
        tail = f",{number}" if function.number else ""
        return [
            Node(f"{call.function}({node.text}{tail})", function.gives, "", call.function, (node,), number)
            for node in nodes
        ]

    def _number(self, call: Call, function: Function, where: str) -> int:
        if function.number is None:
            if len(call.arguments) != 1:
                raise InputError(f"{where}: {call.function} takes one argument, not {len(call.arguments)}")
            return 0
        lowest, highest = function.number
        argument = call.arguments[1] if len(call.arguments) == 2 else None
        if not isinstance(argument, Number) or not lowest <= argument.value <= highest:
            raise InputError(
                f"{where}: {call.function} takes a variable and a whole number of {lowest} to {highest}"
            )
        return argument.value

    def _cartesian(self, call: Call, where: str) -> Node:
        nodes = []
        for argument in call.arguments:
            members = self.nodes(argument, where)
            if len(members) != 1:
                raise InputError(f"{where}: cartesian takes single variables, but a group has {len(members)}")
            nodes += members
        wrong = [node for node in nodes if node.kind not in WORDS]
        if wrong:
            raise InputError(
                f"{where}: cartesian takes {' or '.join(WORDS[:3])}, but {wrong[0].text} is {wrong[0].kind}; "
                "bin it with quantile_bin"
            )
        if len(nodes) < 2:
            raise InputError(f"{where}: cartesian takes two variables or more")
        single = all(node.kind in (CATEGORICAL, BINARY) for node in nodes)
        text = f"cartesian({','.join(node.text for node in nodes)})"
        return Node(text, CATEGORICAL if single else TOKENS, "", "cartesian", tuple(nodes))


_KINDS = (BINARY, CATEGORICAL, NUMERIC, TEXT)
