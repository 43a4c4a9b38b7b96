"""Steps that are commands: shown as typed, run, and their output shown below."""

import shlex
import subprocess


class Failed(Exception):
    """A step that did not do what it should; the message says which and how."""


class Steps:
    """Runs commands and counts steps."""

    def __init__(self, console, environ, *, total):
        self._console = console
        self._environ = environ
        self._total = total
        self._number = 0

    def note(self, command):
        """Show a command that only prepares."""
        self._console.print(f"[bold]$ {command}[/]")

    def say(self, text):
        """Show what a step came to."""
        for line in text.rstrip().splitlines():
            self._console.print(f"    {line}", style="dim", markup=False)

    def show(self, title, command):
        """Begin a step and show its command, without running it."""
        self._number += 1
        self._console.print(f"\n[bold cyan]{self._number:2}/{self._total} {title}[/]")
        self._prompt(command)

    def run(self, title, *commands, quiet=False, last=None):
        """Run a step's commands one after the other; `last` shows only so many lines, `quiet` none."""
        self.show(title, commands[0])
        for number, command in enumerate(commands):
            if number:
                self._prompt(command)
            lines = self._run(command).splitlines()
            if not quiet:
                self.say("\n".join(lines[-last:] if last else lines))

    def _prompt(self, command):
        self._console.print(f"  $ {command}", style="bold", markup=False)

    def _run(self, command):
        done = subprocess.run(
            shlex.split(command), env=self._environ, capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode:
            raise Failed(f"{command}\nended with exit code {done.returncode} and said:\n{done.stdout}{done.stderr}")
        return done.stdout
