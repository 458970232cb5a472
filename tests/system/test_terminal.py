import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from bench.system.files import ROOT
from bench.system.terminal import one_line, visible

PROGRAM = """
import os, sys
from bench.system import terminal
terminal.prepare()
for number in range(3):
    terminal.show(f"result {number} \\u00b1")
    terminal.say(f"progress {number} \\u00b1")
    print("noise", file=sys.stderr)
terminal.show("x" * 100_000)
terminal.say("x" * 100_000)
with open(os.environ["DONE"], "w") as file:
    file.write("done")
"""


def run(
    tmp_path: Path, redirections: str = "", program: str = PROGRAM, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    path = tmp_path / "program.py"
    path.write_text(program)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DONE": str(tmp_path / "done")} | variables
    command = ["bash", "-c", f"{sys.executable} {path} {redirections}"]
    return subprocess.run(command, capture_output=True, env=environment, timeout=60)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a cat ± 日本語 \N{GRINNING FACE}\ttab\nline", "a cat ± 日本語 \N{GRINNING FACE}\ttab\nline"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("ok\rfailed", r"ok\x0dfailed".replace("x0d", "r")),
        ("nul\0 del\x7f c1\x9b", r"nul\x00 del\x7f c1\x9b"),
        ("\u202egnp.tac\u2066 \u200b\ufeff", r"\u202egnp.tac\u2066 \u200b\ufeff"),
        ("half \udc80", r"half \udc80"),
        ("tag \U000e0041", r"tag \U000e0041"),
    ],
)
def test_what_a_terminal_would_act_on_is_shown(text: str, wanted: str) -> None:
    assert visible(text) == wanted


def test_a_line_stays_one() -> None:
    assert one_line("failed  a\nok  b\r\nok\x85c\u2028d\x1b[A") == r"failed  a ok  b ok c d\x1b[A"


@pytest.mark.parametrize("redirections", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_closed_stream_breaks_nothing(tmp_path: Path, redirections: str) -> None:
    found = run(tmp_path, redirections)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "done").read_text() == "done", "and nothing was printed into the file"
    if "2>" not in redirections:
        assert b"progress 2" in found.stderr
    if redirections.startswith("2"):
        assert found.stdout.startswith("result 0 ±\nresult 1".encode())


@pytest.mark.parametrize("redirections", ["| head -1", "2>&1 >/dev/null | head -1", "2> >(head -1)", "2>&1 | true"])
def test_a_reader_that_goes_breaks_nothing(tmp_path: Path, redirections: str) -> None:
    found = run(tmp_path, f"{redirections}; echo status ${{PIPESTATUS[0]}}")
    assert b"status 0" in found.stdout
    assert (tmp_path / "done").read_text() == "done"
    assert b"Exception" not in found.stderr
    assert b"Traceback" not in found.stderr


def test_a_terminal_that_goes_breaks_nothing(tmp_path: Path) -> None:
    reader, terminal = pty.openpty()
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("for number", "sys.stdin.readline()\nfor number"))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DONE": str(tmp_path / "done")}
    process = subprocess.Popen(
        [sys.executable, path], stdin=subprocess.PIPE, stdout=terminal, stderr=terminal, env=environment
    )
    os.close(terminal)
    os.close(reader)
    process.communicate(b"\n", timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "done").read_text() == "done"


def test_a_result_that_is_lost_on_a_full_disk_is_an_error(tmp_path: Path) -> None:
    found = run(tmp_path, ">/dev/full")
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].endswith(b"standard output cannot be written: No space left on device")


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "latin-1"])
def test_a_stream_without_unicode_gets_escapes(tmp_path: Path, encoding: str) -> None:
    program = (
        "from bench.system import terminal\nterminal.prepare()\nprint('\u2191 caf\u00e9')\nterminal.say('\u65e5')\n"
    )
    found = run(tmp_path, program=program, PYTHONIOENCODING=encoding)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(rb"\u2191 caf")
    assert found.stderr == b"\\u65e5\n"


def test_results_are_exact_in_a_pipe_and_harmless_on_a_terminal(tmp_path: Path) -> None:
    program = "from bench.system import terminal\nterminal.prepare()\nterminal.show('\\x1b[31mred', end='')\n"
    assert run(tmp_path, program=program).stdout == b"\x1b[31mred"
    reader, terminal = pty.openpty()
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, str(tmp_path / "program.py")]
    subprocess.run(command, stdout=terminal, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    os.close(terminal)
    assert os.read(reader, 100) == rb"\x1b[31mred"
    os.close(reader)
