"""The commands.

What flows through: arguments come in, one frozen `Settings` or a request to the running server goes out, and text
for people or JSON for scripts comes back. Every error is one line that names the cause and the remedy.

What it is not: no command works on objects, access points or functions; for that AWS's own tools are used, through
`objectlens exec`.
"""
