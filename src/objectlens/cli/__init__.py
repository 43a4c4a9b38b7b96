"""The commands.

What flows through: arguments come in, one frozen `Settings` or a request to the running server goes out, and text
for people or JSON for scripts comes back. Every error is one line that names the cause and the remedy.

What it is not: another tool for what AWS's own do through `objectlens exec`. What `function` does to functions and
access points goes through AWS's APIs.
"""
