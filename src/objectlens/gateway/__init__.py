"""HTTP in and out.

What flows through: bytes of a connection become an `HttpRequest`, walk the corridor (`pipeline`), and the
`HttpResponse` that comes back becomes bytes again. This room renders every error, and it alone.

What it is not: it knows no bucket and no policy; it asks the rooms below, in a fixed order.
"""
