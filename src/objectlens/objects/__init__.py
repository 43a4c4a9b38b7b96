"""Plain S3 over stores: one function for each operation, named as AWS names it."""
