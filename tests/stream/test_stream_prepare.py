"""`prepare` of streams: after it nothing is compiled, and the stream is as it was."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastspec
from fastspec import stream

PLAN = fastspec.STFT(256, hop_length=64)
BANK = fastspec.MelBank(16000, 256, 20)
RNG = np.random.default_rng(0)
Y = RNG.standard_normal(40_000).astype(np.float32)
D = RNG.standard_normal((129, 600)) + 1j * RNG.standard_normal((129, 600))
S, M = RNG.random((129, 600), np.float32), RNG.random((20, 600), np.float32)
STREAMS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "stft": (lambda rng: stream.StreamingSTFT(PLAN), Y),
    "power": (lambda rng: stream.StreamingPower(PLAN), Y),
    "mel": (lambda rng: stream.StreamingMel(PLAN, BANK, log="db"), Y),
    "istft": (lambda rng: stream.StreamingISTFT(PLAN), D.astype(np.complex64)),
    "rtisi": (lambda rng: stream.StreamingRecover(PLAN, rng=rng), S),
    "pghi": (lambda rng: stream.StreamingRecover(PLAN, "pghi", rng=rng), S),
    "blocks": (lambda rng: stream.StreamingRecover(PLAN, "best", rng=rng, block=128), S),
    "mels": (lambda rng: stream.StreamingRecoverMel(PLAN, BANK, rng=rng, block=128), M),
}


@pytest.mark.parametrize("name", STREAMS)
def test_the_state_stays_as_it_is(name: str) -> None:
    make, data = STREAMS[name]
    expected, prepared = make(np.random.default_rng(1)), make(np.random.default_rng(1))
    prepared.prepare()
    blocks = np.array_split(data, 5, axis=-1)
    for k, block in enumerate(blocks):
        if k in (1, 4):
            prepared.prepare()
        np.testing.assert_array_equal(prepared.push(block), expected.push(block))
    np.testing.assert_array_equal(prepared.flush(), expected.flush())
    prepared.prepare()
    with pytest.raises(ValueError, match=r"stream has (ended|been flushed)"):
        prepared.push(blocks[0])


NOTHING_IS_COMPILED = """
import sys
import numpy as np
from fastspec.kernels.runtime import jit
from fastspec.kernels.runtime.tasks import registry
from test_stream_prepare import STREAMS

def compiled():
    dispatchers = [entry.dispatcher for entry in registry if hasattr(entry, "dispatcher")]
    return len(jit._entries), sum(len(dispatcher.overloads) for dispatcher in dispatchers)

make, data = STREAMS[sys.argv[1]]
live = make(0)
before = compiled()
live.prepare()
after = compiled()
for block in np.split(data, [1, 1, 7, data.shape[-1] // 2, data.shape[-1] // 2 + 1], axis=-1):
    live.push(block)
if not np.iscomplexobj(data):
    live.push(np.ones_like(data[..., :1], dtype=np.int16))
live.flush()
print(after > before, compiled() == after)
"""


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_is_compiled_after_it(name: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    ran = subprocess.run(
        [sys.executable, "-c", NOTHING_IS_COMPILED, name], env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["True", "True"]
