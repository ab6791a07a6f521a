"""`python -m stacks.deployment`: the CDK's command line, with checks before and an explanation after."""
