"""The types of CloudFormation resources that this project's stacks have and MiniStack lacks.

Each is made by the call that CloudFormation itself makes, through MiniStack's public interface.
"""

from __future__ import annotations

import security_groups
import studio
import types_of_sagemaker
from ministack.services.cloudformation import provisioners, stacks
from more_types import BUDGET, FLOW_LOG

HANDLERS = {
    "AWS::Budgets::Budget": BUDGET,
    "AWS::EC2::FlowLog": FLOW_LOG,
    "AWS::EC2::SecurityGroupEgress": security_groups.EGRESS,
    "AWS::EC2::SecurityGroupIngress": security_groups.INGRESS,
    "AWS::SageMaker::Domain": studio.DOMAIN,
    "AWS::SageMaker::ModelPackageGroup": types_of_sagemaker.GROUP,
    "AWS::SageMaker::Pipeline": types_of_sagemaker.PIPELINE,
    "AWS::SageMaker::StudioLifecycleConfig": studio.LIFECYCLE_CONFIG,
    "AWS::SageMaker::UserProfile": studio.USER_PROFILE,
}

_plain = stacks._runs_on_worker_thread


def install() -> None:
    """Add the types; each asks MiniStack itself, so it must not run where that answers."""
    provisioners._RESOURCE_HANDLERS.update({name: kind.handlers() for name, kind in HANDLERS.items()})
    stacks._runs_on_worker_thread = lambda kind: kind in HANDLERS or _plain(kind)
