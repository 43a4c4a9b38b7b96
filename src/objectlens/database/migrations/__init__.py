"""The order in which the tables came to be; each revision is one step and never changes once released."""
