"""The benchmarks still work. What they measure is not judged here: a busy machine would fail it."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.__main__ import main

PARTS = ["calls", "journal", "growth", "plans", "startup", "profile"]  # pacing may download a package


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_benchmark_says_something(part, tmp_path, capsys):
    if part == "calls" and not (shutil.which("curl") and shutil.which("xargs")):
        pytest.skip("needs curl and xargs")
    main([part, "--tiny", "--images", str(tmp_path)])
    assert "| --- |" in capsys.readouterr().out
