"""What AWS is asked for. This package's own `__init__` stays empty: functions on AWS import below it."""
