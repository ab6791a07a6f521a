"""Which permissions a compiled definition asks for: per role, and for each the step and field that asked.

Nothing is listed by hand: the S3 prefixes, keys, images, networks, roles and groups that the steps' Arguments
name become grants. Values known only during an execution, such as its id, become `*` inside a resource.
Standard library only.
"""

from pipeline.permissions.derive import grants
from pipeline.permissions.grants import PIPELINE_ROLE, Condition, Grant, Place, Statement, statements

__all__ = ["PIPELINE_ROLE", "Condition", "Grant", "Place", "Statement", "grants", "statements"]
