"""The bound of benchmarks.synth: a CDK application of one stack without anything in it."""

import aws_cdk as cdk

app = cdk.App()
cdk.Stack(app, "Empty")
app.synth()
