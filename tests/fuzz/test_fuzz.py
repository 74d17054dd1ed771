"""The corpus holds without a fuzzer; with one, some thousand inputs more are looked for."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import structlog

from tests.fuzz.one_input import KINDS

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
DICTIONARY = Path(__file__).parent / "http.dict"
SEEDS = sorted(CORPUS.glob("*/*.http"))
RUNS = 4000  # of each kind: some seconds


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_corpus_holds_in_any_pieces(seed: Path) -> None:
    data = seed.read_bytes()
    for number in range(50):
        KINDS[seed.parent.name](data, Random(number))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_corpus_has_inputs_of_each_kind(kind: str) -> None:
    assert len([seed for seed in SEEDS if seed.parent.name == kind]) > 10


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this Python or platform"
)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_is_found_in_a_bounded_number_of_runs(kind: str, tmp_path: Path) -> None:
    finds = tmp_path / "finds"
    finds.mkdir()
    options = [
        f"-runs={RUNS}",
        "-seed=1",
        "-max_len=512",
        f"-dict={DICTIONARY}",
        f"-artifact_prefix={tmp_path}/",
    ]
    command = [sys.executable, "-m", "tests.fuzz.target", kind, str(finds), str(CORPUS / kind), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert result.returncode == 0, result.stderr[-4000:]
    assert f"Done {RUNS} runs" in result.stderr
