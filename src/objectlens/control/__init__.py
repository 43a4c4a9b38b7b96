"""The management APIs: S3 Control, Lambda, IAM and STS."""
