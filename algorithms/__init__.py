"""Open implementations of SageMaker's built-in algorithms behind the service's own container contract."""
