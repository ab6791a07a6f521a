"""Services that assume roles: the role must trust that very service, for requests of this account."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ministack.core import iam_evaluator

SESSIONS = {"SageMaker": "sagemaker.amazonaws.com", "Scheduler": "scheduler.amazonaws.com"}
"""The name that a service gives to its sessions → the service."""
_ROOT = ":root"
_plain = iam_evaluator.evaluate_trust_policy


def install() -> None:
    """Have services told apart: MiniStack's own calls, all by root, pass for any of them."""
    iam_evaluator.evaluate_trust_policy = _evaluate


def _evaluate(document: Any, caller: str, context: Any = None) -> bool:
    session = str(context.service_context.get("sts:rolesessionname")) if context else ""
    service = SESSIONS.get(session)
    if service is None or not caller.endswith(_ROOT):
        return bool(_plain(document, caller, context))
    policy = json.loads(document) if isinstance(document, str) else document
    statements = [one for one in _list(policy["Statement"]) if service in _services(one)]
    known = {**context.service_context, "aws:sourceaccount": context.principal_account}
    asked = dataclasses.replace(context, service_context=known)
    return bool(_plain({**policy, "Statement": statements}, caller, asked))


def _services(statement: dict[str, Any]) -> list[Any]:
    principal = statement.get("Principal", {})
    return _list(principal.get("Service", [])) if isinstance(principal, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
