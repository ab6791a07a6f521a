"""What MiniStack's CloudFormation asks of a resource type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]
"""What Ref gives, and the attributes of Fn::GetAtt."""


@dataclass(frozen=True)
class Kind:
    """One type.

    Attributes:
        create: properties → what was made.
        delete: what Ref gives, properties.
        update: what Ref gives, new properties → attributes; None for a type that has to be replaced.

    """

    create: Callable[[Properties], Made]
    delete: Callable[[str, Properties], None]
    update: Callable[[str, Properties], dict[str, str]] | None = None

    def handlers(self) -> dict[str, Callable[..., Any]]:
        """Return the type in the form that MiniStack keeps."""
        return {"create": self._create, "update": self._update, "delete": self.delete}

    def _create(self, _name: str, properties: Properties, _stack: str) -> Made:
        return self.create(properties)

    def _update(self, identity: str, old: Properties, new: Properties, _stack: str) -> Made:
        if self.update is not None:
            return identity, self.update(identity, new)
        made = self.create(new)
        self.delete(identity, old)
        return made
