"""The steps of a pipeline, written with the SageMaker Python SDK v3."""
