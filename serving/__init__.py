"""What answers an approval; boto3 only."""
