"""The story of a transformed GET.

What flows through: a `Call` on an Object Lambda access point comes in; an event goes out to a function; the function's
answer, which arrives on another connection as WriteGetObjectResponse, is met here with the waiting GET and streamed
to it. HEAD and LIST functions answer by their return value. What is not transformed is proxied to the supporting
access point.

What it is not: it runs no code (`functions`) and reads no object (`objects`).
"""
