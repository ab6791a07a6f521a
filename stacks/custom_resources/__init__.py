"""Functions that CloudFormation calls while it creates and deletes stacks; boto3 only."""
