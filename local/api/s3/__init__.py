"""The part of Amazon S3's API that gets data in and out: over the objects of the state directory."""
