"""Open implementations of SageMaker's built-in algorithms behind the service's own container contract.

`python -m algorithms NAME train` (train.py) reads the configuration, checks hyperparameters
(hyperparameters.py) and channels (channel_config.py, channels.py, sources.py, csv_rows.py, checks.py),
trains, and renames the model into place. `python -m algorithms NAME serve` (serve.py) answers HTTP
(request_formats.py, response_formats.py). base.py says what an algorithm is to them; registry.py names the
algorithms, each in a folder of its own.
"""
