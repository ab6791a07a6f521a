"""`python -m local.function MODULE.NAME`: call a function as Lambda does, the event on standard input."""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import dataclass, field
from importlib import import_module


@dataclass(frozen=True)
class Context:
    """What functions read of Lambda's context object."""

    function_name: str
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def main(name: str) -> None:
    """Call the function; its answer goes to standard output."""
    module, _, function = name.rpartition(".")
    answer = getattr(import_module(module), function)(json.load(sys.stdin), Context(function))
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
