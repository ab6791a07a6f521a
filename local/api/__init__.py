"""The SageMaker API on one machine."""
