"""What stands in for SageMaker on one machine: it executes compiled pipeline definitions."""
