"""What a process needs before anything else: streams that bear what is printed, a home, a user's name."""

from __future__ import annotations

import getpass
import os

from bench.system import terminal

NO_HOME = "/nonexistent"
"""Debian's home of users that have none."""


def prepare() -> None:
    """Make this process one that packages can be imported in; called once, at the start of a program.

    Some packages cannot be imported by a user without a home or a name, as containers have them: nltk asks for the
    first, torch for the second. What is given here is for this process and those it starts.
    """
    terminal.prepare()
    if not os.path.isabs(os.path.expanduser("~")):  # noqa: PTH111, PTH117 - pathlib raises where there is none
        os.environ["HOME"] = NO_HOME
    try:
        getpass.getuser()
    except (KeyError, OSError):  # the second since Python 3.13
        os.environ["USER"] = f"uid{os.getuid()}"
