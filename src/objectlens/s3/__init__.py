"""The S3 language: bytes and values, no I/O.

What flows through: the parts of an `HttpRequest` come in, and addresses, operations and inputs go out; outputs come in,
and headers and XML go out. It knows neither stores nor callers nor what exists.
"""
