"""Hold plug-ins to their contract, one line a duty: one file a kind of plug-in.

`file` takes a plug-in's file and asks all of them, `report` is what comes of it, `samples` what plug-ins are tried on.
The tests ask the same duties of every plug-in of the project.
"""

from bench.check.file import check_file
from bench.check.report import Report

__all__ = ["Report", "check_file"]
