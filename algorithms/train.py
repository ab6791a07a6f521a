"""A training job: configuration and channels in, `model_algo-1` out, or the reason in `output/failure`."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from algorithms.base import Algorithm, Channel, Model
from algorithms.channel_config import read_channel_configs
from algorithms.channels import InputChannel
from algorithms.errors import CustomerError
from algorithms.heap import give_back
from algorithms.hyperparameters import AUTO
from algorithms.logs import HOST, MetricLog
from algorithms.paths import Paths
from algorithms.registry import find_algorithm

EXIT_CUSTOMER_ERROR = 1
EXIT_INTERNAL_ERROR = 255


def run_training(name: str, paths: Paths) -> int:
    """Run the job and return its exit code: 0, 1 (the user can cure it) or 255 (a fault of the algorithm)."""
    give_back()
    try:
        _train(find_algorithm(name), paths)
    except CustomerError as error:
        return _fail(paths, str(error), EXIT_CUSTOMER_ERROR)
    except (OSError, MemoryError) as error:
        traceback.print_exc()
        reason = "out of memory" if isinstance(error, MemoryError) else str(error)
        return _fail(paths, f"{name} could not go on: {reason}", EXIT_CUSTOMER_ERROR)
    except Exception as error:
        traceback.print_exc()
        reason = f"InternalServerError: {type(error).__name__}: {error}; the job's log has the traceback"
        return _fail(paths, reason, EXIT_INTERNAL_ERROR)
    return 0


def _train(algorithm: Algorithm, paths: Paths) -> None:
    started = time.monotonic()
    log = MetricLog(host=_host(paths))
    values = algorithm.hyperparameters.parse(_read_config(paths.config / "hyperparameters.json"))
    log.info(f"Hyperparameters of {algorithm.name}: {json.dumps(values)}")
    channels = _open_channels(algorithm, values, paths)
    model = algorithm.train(values, channels, log)
    _save(model, paths)
    log.info(f"{algorithm.name} trained in {time.monotonic() - started:.3f} seconds; model at {paths.model}")


def _save(model: Model, paths: Paths) -> None:
    """Write the model beside its place and rename it, so that it is there whole or not at all."""
    try:
        paths.unfinished_model.parent.mkdir(parents=True, exist_ok=True)
        paths.model.parent.mkdir(parents=True, exist_ok=True)
        model.save(paths.unfinished_model)
        paths.unfinished_model.replace(paths.model)
    except OSError as error:
        raise CustomerError(f"the model could not be written to {paths.model}: {error.strerror}") from error
    finally:
        paths.unfinished_model.unlink(missing_ok=True)


def _open_channels(algorithm: Algorithm, values: Mapping[str, Any], paths: Paths) -> dict[str, Channel]:
    configs = read_channel_configs(_read_config(paths.config / "inputdataconfig.json"), algorithm)
    declared = values.get("feature_dim")
    width = declared if declared != AUTO else None
    rule = algorithm.label_rule(values)
    return {
        name: InputChannel(config, paths.data, label_rule=rule, feature_dim=width)
        for name, config in configs.items()
    }


def _host(paths: Paths) -> str:
    """Return this host's name, by `resourceconfig.json` where there is one; a second host is refused."""
    path = paths.config / "resourceconfig.json"
    if not path.exists():
        return HOST
    settings = _read_config(path)
    hosts = settings.get("hosts", [HOST])
    if len(hosts) != 1:
        raise CustomerError(
            f"InstanceCount is {len(hosts)}, but must be 1: training on several is not supported"
        )
    return str(settings.get("current_host", HOST))


def _read_config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CustomerError(f"{path} is missing") from None
    except ValueError as error:
        raise CustomerError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise CustomerError(f"{path} holds {type(found).__name__}, not an object")
    return found


def _fail(paths: Paths, reason: str, code: int) -> int:
    line = " ".join(reason.split())
    print(line, file=sys.stderr, flush=True)
    try:
        paths.failure.parent.mkdir(parents=True, exist_ok=True)
        paths.failure.write_text(line)
    except OSError as error:  # a full disk: the log has the reason already, the exit code says the rest
        print(f"{paths.failure}: {error}", file=sys.stderr, flush=True)
    return code
