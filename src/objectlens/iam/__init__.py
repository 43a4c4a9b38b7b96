"""The policy language: documents, matching, conditions, evaluation with the reason. Pure: no I/O."""
