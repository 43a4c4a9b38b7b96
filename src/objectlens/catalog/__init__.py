"""What exists: buckets, access points, functions, users and roles.

What flows through: frozen values out, commands to change them in. It holds no bytes of objects and no code of
functions, only their names and digests.
"""
