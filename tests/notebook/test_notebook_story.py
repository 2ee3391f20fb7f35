"""The notebook's story, cell by cell, with `from fastspec import *` in place of its function cells."""

from typing import Any

import cases
import numpy as np
import twins
from scipy.io import wavfile

import fastspec

FIFTEEN = [
    "butter_bandpass",
    "butter_bandpass_filter",
    "overlap",
    "stft",
    "pretty_spectrogram",
    "invert_pretty_spectrogram",
    "iterate_invert_spectrogram",
    "invert_spectrogram",
    "xcorr_offset",
    "make_mel",
    "mel_to_spectrogram",
    "hz2mel",
    "mel2hz",
    "get_filterbanks",
    "create_mel_filter",
]

CELLS = """
from fastspec import *

fft_size = 1024
step_size = fft_size/16
spec_thresh = 4
lowcut, highcut = 500, 15000
n_mel, shorten, lowest, highest = 40, 10, 300, 8000

rate, sound = wavfile.read(recording)
sound = butter_bandpass_filter(sound, lowcut, highcut, rate, order=1)
sound = sound[: rate // 2]

before = pretty_spectrogram(sound.astype('float64'), log=True, thresh=spec_thresh,
                            fft_size=fft_size, step_size=step_size)
again = invert_pretty_spectrogram(before, log=True, fft_size=fft_size, step_size=step_size, n_iter=3)
after = pretty_spectrogram(again.astype('float64'), log=True, thresh=spec_thresh,
                           fft_size=fft_size, step_size=step_size)

forth, back = create_mel_filter(fft_size=fft_size, n_freq_components=n_mel, start_freq=lowest, end_freq=highest)
squeezed = make_mel(before, forth, shorten_factor=shorten)
stretched = mel_to_spectrogram(squeezed, back, spec_thresh=spec_thresh, shorten_factor=shorten)
spoken = invert_pretty_spectrogram(np.transpose(stretched), log=True, fft_size=fft_size, step_size=step_size, n_iter=3)
"""


def names(statement: str) -> set[str]:
    space: dict[str, Any] = {}
    exec(statement, space)
    return set(space) - {"__builtins__"}


def test_a_star_import_gives_exactly_the_fifteen_names() -> None:
    assert len(FIFTEEN) == 15
    assert sorted(fastspec.__all__) == sorted(FIFTEEN)
    assert names("from fastspec import *") == set(FIFTEEN)


def test_the_fifteen_are_found_by_dir_and_an_unknown_name_is_an_attribute_error() -> None:
    assert set(FIFTEEN) <= set(dir(fastspec))
    assert not hasattr(fastspec, "griffin_limerick")


def test_the_notebooks_cells_run_and_give_its_numbers(tmp_path: Any) -> None:
    recording = tmp_path / "speech.wav"
    wavfile.write(recording, cases.RATE, np.round(30000 * cases.speech(30000)).astype(np.int16))
    ours: dict[str, Any] = {"np": np, "wavfile": wavfile, "recording": recording}
    exec(CELLS, ours)
    theirs: dict[str, Any] = {"np": np, "wavfile": wavfile, "recording": recording}
    theirs |= {name: getattr(twins, name) for name in FIFTEEN}
    exec(CELLS.replace("from fastspec import *", ""), theirs)
    for name in ("before", "again", "forth", "squeezed", "stretched", "spoken"):
        mine, wanted = ours[name], theirs[name]
        assert (mine.dtype, mine.shape) == (wanted.dtype, wanted.shape), name
        bound = 2e-3 if wanted.dtype == np.float16 else cases.WAVEFORM_BOUND
        largest = np.abs(wanted.astype(np.float64)).max()
        assert np.abs(mine.astype(np.float64) - wanted).max() <= bound * largest, name
    assert ours["squeezed"].shape == (40, round(len(ours["before"]) / 10) - 2)
    assert len(ours["spoken"]) == ours["stretched"].shape[1] * 64 + 512
