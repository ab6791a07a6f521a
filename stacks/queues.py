"""Queues for what could not be delivered."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs

from stacks.base import PlatformStack
from stacks.policies import acknowledge

_KEPT_DAYS = 14


def dead_letter_queue(stack: PlatformStack, identifier: str, *, name: str, key: kms.IKey) -> sqs.Queue:
    """Return an encrypted queue that keeps what could not be delivered for two weeks, the most SQS allows."""
    queue = sqs.Queue(
        stack,
        identifier,
        queue_name=stack.names.of(name),
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(_KEPT_DAYS),
    )
    acknowledge(
        queue, {"AwsSolutions-SQS3": "This is a dead-letter queue itself; an alarm watches its length."}
    )
    return queue
