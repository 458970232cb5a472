from __future__ import annotations

from pathlib import Path

import pytest

from bench.system.files import sha256_of


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    """FIPS 180-2, appendix B.1, and B.3: a million letters."""
    (tmp_path / "short").write_bytes(b"abc")
    (tmp_path / "long").write_bytes(b"a" * 10**6)
    assert sha256_of(tmp_path / "short") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "long") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


def test_a_missing_file_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256_of(tmp_path / "missing")
