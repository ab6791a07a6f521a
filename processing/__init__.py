"""The code that runs inside processing jobs: data conversion, data inspection and evaluation."""
