"""What was asked of IAM, by whom, and whether it was allowed: a JSON object a line."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id

_lock = threading.Lock()
_plain = iam_evaluator.enforce


def install() -> None:
    """Write down every decision."""
    iam_evaluator.enforce = _enforce


def _enforce(access_key: str, action: str, service: str, region: str, **asked: Any) -> Any:
    refused = _plain(access_key, action, service, region, **asked)
    who = refused
    if refused is None:
        who = iam_evaluator.resolve_principal(access_key or "", get_account_id())
    told = {
        "principal": getattr(who, "arn", None) or getattr(who, "principal_arn", ""),
        "action": action,
        "resource": asked.get("resource_arn", "*"),
        "allowed": refused is None,
    }
    with _lock, Path(os.environ["REHEARSAL_PERMISSIONS"]).open("a", encoding="utf-8") as record:
        record.write(json.dumps(told) + "\n")
    return refused
