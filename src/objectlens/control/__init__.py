"""The management APIs: S3 Control, Lambda, IAM and STS.

What flows through: an authenticated request comes in, the catalog is read or changed, the answer goes out in the form
of the API that was called. `protocol` reads, checks, authorises and renders for all of them, from AWS's own models; the
other rooms hold one service each and know nothing of HTTP. Nothing here moves the bytes of an object.
"""
