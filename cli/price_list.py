"""Prices of today from AWS's own Price List (`pricing:GetProducts`), for `trainyard cost --live-prices`.

Unproven: no account was at hand. Requests and the shape of answers are checked against botocore's model; the
names of attributes (regionCode, instanceName, platoinstancetype) are those that AWS's SDK for JumpStart uses.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cli.errors import UsageError
from cli.prices import Prices

REGION = "us-east-1"
"""Where the Price List is asked, whatever region it is asked about."""

_USES = frozenset({"Training", "Processing", "Batch Transform", "Hosting"})
"""What an instance is rented for here; notebooks and Studio have prices of their own."""


def fetch(client: Any, region: str, instance_types: Iterable[str], otherwise: Prices) -> Prices:
    """Return a table with today's prices of some instance types.

    Where the uses of a type differ in price, the highest counts.

    Args:
        client: boto3's, of the service `pricing`.
        region: whose prices are wanted.
        instance_types: such as ml.m5.xlarge.
        otherwise: the table that says what a serverless gigabyte-second costs.

    Raises:
        UsageError: the list has no price for a type.

    """
    hours = {name: _highest(client, region, name) for name in sorted(set(instance_types))}
    return replace(
        otherwise,
        file="AWS's Price List",
        region=region,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        status="on-demand, without discounts",
        source=f"AWS's Price List; serverless endpoints: {otherwise.file} of {otherwise.date}",
        instance_hour=hours,
    )


def _highest(client: Any, region: str, instance_type: str) -> float:
    fields = {"regionCode": region, "instanceName": instance_type}
    pages = client.get_paginator("get_products").paginate(
        ServiceCode="AmazonSageMaker",
        Filters=[{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in fields.items()],
    )
    found = [price for page in pages for text in page["PriceList"] for price in _hourly(json.loads(text))]
    if not found:
        raise UsageError(
            f"AWS's Price List has no hour of {instance_type} in {region}; "
            "choose another type, or give a table with --prices FILE"
        )
    return max(found)


def _hourly(product: Mapping[str, Any]) -> Iterator[float]:
    """Yield a product's prices an hour, where it is an instance for one of our uses."""
    if product["product"]["attributes"].get("platoinstancetype") not in _USES:
        return
    for term in product["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension["unit"].lower().startswith(("hr", "hour")):
                yield float(dimension["pricePerUnit"]["USD"])
