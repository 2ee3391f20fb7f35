"""The recipes: how programs of speech recognition and vocoders compute their features, a row for each.

Nothing of these programs is used here; the rows say what they compute, and where that can be read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._typing import Array
from ..features.banks import FilterBank, MelBank
from ..features.kaldi import KaldiMelBank

UNIT, SAMPLES_16_BIT = 1.0, 32768.0
"""The full scale of the samples that a recipe expects."""
KALDI_FLOOR = float(np.finfo(np.float32).eps)


class Source(NamedTuple):
    """Where a recipe can be read."""

    project: str
    file: str  #: repository, file
    licence: str
    year: int


class Filters(NamedTuple):
    """A filter bank but for the dtype; see `make_bank`."""

    kind: str  #: slaney, htk (both MelBank), kaldi or speechbrain
    n: int
    fmin: float = 0.0
    fmax: float | None = None
    sr: int | None = None  #: Hz that the filters are for, where that is not the rate of the sound


class Row(NamedTuple):
    """A recipe."""

    name: str
    sr: int  #: Hz
    plan: dict[str, Any]  #: arguments of `STFT`
    filters: Filters | None  #: None for a row for each bin
    options: dict[str, Any]  #: arguments of `FrontEnd`
    source: Source
    full_scale: float = UNIT
    remark: str = ""  #: what is left to the caller


# ---- windows and filters ----
def povey(n: int) -> Array:
    """Kaldi's window: the symmetric Hann window to the power of 0.85."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / (n - 1))) ** 0.85


def symmetric_hann(n: int) -> Array:
    """0.5 - 0.5 cos(2 pi k / (n - 1))."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def symmetric_hamming(n: int) -> Array:
    """0.54 - 0.46 cos(2 pi k / (n - 1))."""
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def make_bank(filters: Filters, sr: int, n_fft: int, dtype: np.dtype[Any]) -> FilterBank:
    """The filters of a row."""
    kind, n, fmin, fmax, rate = filters
    rate = rate or sr
    if kind == "kaldi":
        return KaldiMelBank(rate, n_fft, n, fmin=fmin, fmax=fmax or 0.0, dtype=dtype)
    if kind == "speechbrain":
        return FilterBank(speechbrain_triangles(rate, n_fft, n, fmin, fmax or rate / 2).astype(dtype))
    htk = kind == "htk"
    return MelBank(rate, n_fft, n, fmin=fmin, fmax=fmax, htk=htk, norm=None if htk else "slaney", dtype=dtype)


def speechbrain_triangles(sr: float, n_fft: int, n: int, fmin: float, fmax: float) -> Array:
    """max(0, 1 - |f - c[i+1]| / (c[i+1] - c[i])) for corners c evenly spaced in HTK's mel, and bins at f."""
    low, high = 2595 * np.log10(1 + np.array([fmin, fmax]) / 700)
    corners = 700 * (10 ** (np.linspace(low, high, n + 2) / 2595) - 1)
    f, middle, width = np.arange(n_fft // 2 + 1) * (sr / n_fft), corners[1:-1, None], np.diff(corners)[:-1, None]
    return np.maximum(0, 1 - np.abs(f - middle) / width)


# ---- what families share ----
def sizes(n_fft: int, hop_length: int, **more: Any) -> dict[str, Any]:
    """Arguments of a centred plan whose signals are reflected at their ends."""
    return {"n_fft": n_fft, "hop_length": hop_length, "pad_mode": "reflect", **more}


def unpadded(n_fft: int, hop_length: int) -> dict[str, Any]:
    """Signals are reflected by (n_fft - hop_length) // 2 samples, so that n samples have n // hop_length frames."""
    return sizes(n_fft, hop_length, pad=(n_fft - hop_length) // 2)


def kaldi_frames(window: Any = povey, **more: Any) -> dict[str, Any]:
    """25 ms every 10 ms at 16 kHz, from the first sample on."""
    return {"n_fft": 512, "hop_length": 160, "frame_length": 400, "window": window, "center": False, **more}


_WHISPER: dict[str, Any] = {
    "log": "log10", "floor": 1e-10, "dynamic_range": 8, "gain": 0.25, "offset": 1, "drop_last": True,
}  # fmt: skip
_HIFIGAN: dict[str, Any] = {"power": 1, "eps": 1e-9, "log": "ln", "floor": 1e-5}
_NEMO: dict[str, Any] = {
    "signal_preemphasis": 0.97, "log": "ln", "guard": 2.0**-24, "normalize": "deviation", "deviation_floor": 1e-5,
    "drop_last": True,
}  # fmt: skip
_NEMO_REMARK = "no dither, which is for training; padding to 16 frames is left to the caller"
_KALDI: dict[str, Any] = {"remove_mean": True, "preemphasis": 0.97, "log": "ln", "floor": KALDI_FLOOR}
_DB = {"log": "db", "floor": 1e-10}

_WHISPER_SOURCE = Source("Whisper", "openai/whisper, whisper/audio.py", "MIT", 2022)
_BIGVGAN_SOURCE = Source("BigVGAN", "NVIDIA/BigVGAN, meldataset.py", "MIT", 2022)
_F5_SOURCE = Source("F5-TTS", "SWivid/F5-TTS, src/f5_tts/model/modules.py", "MIT", 2024)
_VITS_SOURCE = Source("VITS, piper", "jaywalnut310/vits, mel_processing.py", "MIT", 2021)
_ESPNET = "espnet/espnet, espnet2/"
_NEMO_SOURCE = Source("NeMo", "NVIDIA/NeMo, collections/asr/parts/preprocessing/features.py", "Apache-2.0", 2019)
_SPEECHBRAIN_SOURCE = Source(
    "SpeechBrain", "speechbrain/speechbrain, speechbrain/lobes/features.py", "Apache-2.0", 2021
)
_PWG_SOURCE = Source("Parallel WaveGAN", "kan-bayashi/ParallelWaveGAN, bin/preprocess.py", "MIT", 2019)
_KEITHITO_SOURCE = Source("Tacotron", "keithito/tacotron, util/audio.py", "MIT", 2017)
_KALDI_SOURCE = Source("Kaldi", "kaldi-asr/kaldi, src/feat/", "Apache-2.0", 2011)
_HF = "huggingface/transformers, models/"

TABLE = (
    Row("whisper-80", 16000, sizes(400, 160), Filters("slaney", 80), _WHISPER, _WHISPER_SOURCE),
    Row("whisper-128", 16000, sizes(400, 160), Filters("slaney", 128), _WHISPER, _WHISPER_SOURCE._replace(year=2023)),
    # ---- vocoders and what feeds them ----
    Row(
        "hifigan-22k", 22050, unpadded(1024, 256), Filters("slaney", 80, 0, 8000), _HIFIGAN,
        Source("HiFi-GAN", "jik876/hifi-gan, meldataset.py", "MIT", 2020),
    ),
    Row("bigvgan-22k", 22050, unpadded(1024, 256), Filters("slaney", 80, 0, 8000), _HIFIGAN, _BIGVGAN_SOURCE),
    Row("bigvgan-24k", 24000, unpadded(1024, 256), Filters("slaney", 100), _HIFIGAN, _BIGVGAN_SOURCE),
    Row(
        "bigvgan-44k", 44100, unpadded(2048, 512), Filters("slaney", 128), _HIFIGAN, _BIGVGAN_SOURCE._replace(year=2024)
    ),
    Row(
        "vocos-24k", 24000, sizes(1024, 256), Filters("htk", 100), {"power": 1, "log": "ln", "floor": 1e-7},
        Source("Vocos", "gemelo-ai/vocos, vocos/feature_extractors.py", "MIT", 2023),
    ),
    Row("f5-vocos", 24000, sizes(1024, 256), Filters("htk", 100), {"power": 1, "log": "ln", "floor": 1e-5}, _F5_SOURCE),
    Row("f5-bigvgan", 24000, unpadded(1024, 256), Filters("slaney", 100), _HIFIGAN, _F5_SOURCE),
    Row(
        "matcha-22k", 22050, unpadded(1024, 256), Filters("slaney", 80, 0, 8000), _HIFIGAN,
        Source("Matcha-TTS", "shivammehta25/Matcha-TTS, matcha/utils/audio.py", "MIT", 2023),
        remark="the mean and deviation of the corpus are left to the caller",
    ),
    Row(
        "cosyvoice-24k", 24000, unpadded(1920, 480), Filters("slaney", 80, 0, 8000), _HIFIGAN,
        Source("CosyVoice 2, Chatterbox", "FunAudioLLM/CosyVoice, cosyvoice2.yaml", "Apache-2.0", 2024),
    ),
    Row(
        "vits-22k", 22050, unpadded(1024, 256), Filters("slaney", 80), {**_HIFIGAN, "eps": 1e-6}, _VITS_SOURCE
    ),
    Row("vits-22k-linear", 22050, unpadded(1024, 256), None, {"power": 1, "eps": 1e-6}, _VITS_SOURCE),
    Row(
        "tacotron2-22k", 22050, sizes(1024, 256), Filters("slaney", 80, 0, 8000),
        {"power": 1, "log": "ln", "floor": 1e-5},
        Source("Tacotron 2, WaveGlow, FastSpeech 2", "NVIDIA/tacotron2, layers.py", "BSD-3-Clause", 2018),
    ),
    Row(
        "styletts2-24k", 24000, sizes(2048, 300, win_length=1200), Filters("htk", 80, sr=16000),
        {"log": "ln", "guard": 1e-5, "gain": 0.25, "offset": 1},
        Source("StyleTTS 2", "yl4579/StyleTTS2, meldataset.py", "MIT", 2023),
    ),
    Row(
        "espnet-tts-22k", 22050, sizes(1024, 256), Filters("slaney", 80, 80, 7600),
        {"power": 1, "least": 1e-5, "log": "log10", "floor": 1e-10},
        Source("ESPnet TTS", _ESPNET + "tts/feats_extract/log_mel_fbank.py", "Apache-2.0", 2020),
        remark="the mean and deviation of the corpus are left to the caller",
    ),
    Row(
        "parallel-wavegan-22k", 22050, sizes(1024, 256), Filters("slaney", 80, 80, 7600),
        {"power": 1, "log": "log10", "floor": 1e-10}, _PWG_SOURCE,
        remark="the mean and deviation of the corpus are left to the caller",
    ),
    Row(
        "parallel-wavegan-24k", 24000, sizes(2048, 300, win_length=1200), Filters("slaney", 80, 80, 7600),
        {"power": 1, "log": "log10", "floor": 1e-10}, _PWG_SOURCE,
        remark="the mean and deviation of the corpus are left to the caller",
    ),
    Row(
        "tacotron-20k", 20000, sizes(2048, 250, win_length=1000), Filters("slaney", 80),
        {
            "signal_preemphasis": 0.97, "power": 1, "log": "db", "floor": 1e-5, "gain": 0.01, "offset": 1.0,
            "low": 0.0, "high": 1.0,
        }, _KEITHITO_SOURCE,
    ),
    Row(
        "tacotron-20k-linear", 20000, sizes(2048, 250, win_length=1000), None,
        {
            "signal_preemphasis": 0.97, "power": 1, "log": "db", "floor": 1e-5, "gain": 0.01, "offset": 0.8,
            "low": 0.0, "high": 1.0,
        }, _KEITHITO_SOURCE,
    ),
    Row(
        "wav2lip-16k", 16000, sizes(800, 200), Filters("slaney", 80, 55, 7600),
        {
            "signal_preemphasis": 0.97, "power": 1, "log": "db", "floor": 1e-5, "gain": 0.08, "offset": 2.4,
            "low": -4.0, "high": 4.0,
        },
        Source(
            "Real-Time-Voice-Cloning, Wav2Lip", "CorentinJ/Real-Time-Voice-Cloning, synthesizer/audio.py", "MIT", 2019
        ),
        remark="the peak of 0.9 that these programs scale the sound to is left to the caller",
    ),
    # ---- recognition and tagging ----
    Row(
        "espnet-asr-16k", 16000, sizes(512, 128), Filters("slaney", 80), {"log": "ln", "floor": 1e-10},
        Source("ESPnet ASR", _ESPNET + "asr/frontend/default.py", "Apache-2.0", 2020),
        remark="the normalisation of the utterance or corpus is left to the caller",
    ),
    Row(
        "nemo-64", 16000,
        {"n_fft": 512, "hop_length": 160, "win_length": 320, "window": symmetric_hann}, Filters("slaney", 64), _NEMO,
        _NEMO_SOURCE, remark=_NEMO_REMARK,
    ),
    Row(
        "nemo-80", 16000,
        {"n_fft": 512, "hop_length": 160, "win_length": 400, "window": symmetric_hann}, Filters("slaney", 80), _NEMO,
        _NEMO_SOURCE, remark=_NEMO_REMARK,
    ),
    Row(
        "nemo-128", 16000,
        {"n_fft": 512, "hop_length": 160, "win_length": 400, "window": symmetric_hann}, Filters("slaney", 128), _NEMO,
        _NEMO_SOURCE, remark=_NEMO_REMARK,
    ),
    Row(
        "speechbrain-40", 16000, {"n_fft": 400, "hop_length": 160, "window": "hamming"}, Filters("speechbrain", 40),
        {**_DB, "dynamic_range": 80}, _SPEECHBRAIN_SOURCE,
    ),
    Row(
        "speechbrain-80", 16000, {"n_fft": 400, "hop_length": 160, "window": "hamming"}, Filters("speechbrain", 80),
        {**_DB, "dynamic_range": 80}, _SPEECHBRAIN_SOURCE, remark="the mean of the utterance is left to the caller",
    ),
    Row(
        "panns-32k", 32000, sizes(1024, 320), Filters("slaney", 64, 50, 14000), _DB,
        Source("PANNs", "qiuqiangkong/audioset_tagging_cnn, pytorch/models.py", "MIT", 2019),
    ),
    Row(
        "clap-48k", 48000, sizes(1024, 480), Filters("slaney", 64, 50, 14000), _DB,
        Source("LAION-CLAP", "LAION-AI/CLAP, src/laion_clap/clap_module/htsat.py", "CC0-1.0", 2022),
    ),
    # ---- Kaldi's features, of several projects ----
    Row(
        "kaldi-23", 16000, kaldi_frames(), Filters("kaldi", 23, 20), _KALDI, _KALDI_SOURCE, SAMPLES_16_BIT,
        remark="no dither, which Kaldi adds; torchaudio.compliance and kaldi-native-fbank have these defaults, too",
    ),
    Row(
        "kaldi-mfcc-13", 16000, kaldi_frames(), Filters("kaldi", 23, 20),
        {**_KALDI, "n_cepstra": 13, "lifter": 22, "energy": "cepstrum"}, _KALDI_SOURCE, SAMPLES_16_BIT,
        remark="no dither, which Kaldi adds",
    ),
    Row(
        "lhotse-80", 16000, kaldi_frames(pad="same", pad_mode="symmetric"), Filters("kaldi", 80, 20, -400), _KALDI,
        Source("lhotse, icefall, sherpa", "lhotse-speech/lhotse, lhotse/features/kaldi/", "Apache-2.0", 2021),
    ),
    Row(
        "funasr-80", 16000, kaldi_frames(symmetric_hamming), Filters("kaldi", 80, 20), {**_KALDI, "scale": 32768},
        Source("FunASR", "modelscope/FunASR, funasr/frontends/wav_frontend.py", "MIT", 2022),
        remark="no dither; frames are stacked, and normalised by the corpus, by the caller",
    ),
    Row(
        "wespeaker-80", 16000, kaldi_frames(symmetric_hamming), Filters("kaldi", 80, 20),
        {**_KALDI, "scale": 32768, "normalize": "mean"},
        Source("WeSpeaker, pyannote.audio", "wenet-e2e/wespeaker, wespeaker/cli/speaker.py", "Apache-2.0", 2022),
    ),
    Row(
        "ast-128", 16000, kaldi_frames(symmetric_hann), Filters("kaldi", 128, 20),
        {**_KALDI, "gain": 0.5 / 4.5689974, "offset": 0.5 * 4.2677393 / 4.5689974},
        Source("AST", _HF + "audio_spectrogram_transformer/", "Apache-2.0", 2022),
        remark="1024 frames are cut or padded by the caller",
    ),
    Row(
        "seamless-80", 16000, kaldi_frames(), Filters("kaldi", 80, 20),
        {**_KALDI, "scale": 32768, "normalize": "deviation", "variance_floor": 1e-7},
        Source("SeamlessM4T", _HF + "seamless_m4t/", "Apache-2.0", 2023),
        remark="pairs of frames are stacked by the caller",
    ),
    Row(
        "speech2text-80", 16000, kaldi_frames(), Filters("kaldi", 80, 20), {**_KALDI, "scale": 32768},
        Source("Speech2Text", _HF + "speech_to_text/", "Apache-2.0", 2020),
        remark="the mean and deviation of the utterance are left to the caller",
    ),
)  # fmt: skip
