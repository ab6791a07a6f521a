"""What answers an approval: model, endpoint configuration and endpoint, by boto3 and the standard library.

Lambda runs `serving.handler.handle` on AWS; `python -m serving` runs the same function on one machine.
"""
