"""What answers an approval: model, endpoint configuration and endpoint, by boto3 and the standard library.

Lambda runs `serving.handler.handle` on AWS, `trainyard up` the same function here, in a child process.
"""
