"""Names of files of any bytes, and terminals of any encoding: in pictures, in the demo's page, in messages."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_server import Commands, check_refused, shared_commands
from PIL import Image

from fastspec.files.names import displayable
from fastspec.plot import canvas, figures

pytestmark = pytest.mark.thread_unsafe(reason="asks the one command server of the process, or changes its umask")

RATE = 8000
NAMES = [
    b"$x_$",
    b"\xff\xfe not UTF-8",
    b"two\nlines, [bold] and \x1b[31m",
]
MORE_NAMES = [
    b"$\\frac{$",
    b"a$b$c$d",
    b"[bold] and [wrong",
    b"\x1b[31mred\x07",
    b"{braces} %s %(x)s",
    b" spaces ",
    b"-dash",
    "größe 音楽".encode(),
    b"n" * 240,
]


@pytest.fixture(scope="module")
def child() -> Commands:
    return shared_commands()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "x.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 3000), RATE)
    return path.read_bytes()


@pytest.mark.parametrize("name", [*NAMES, *(pytest.param(name, marks=pytest.mark.long) for name in MORE_NAMES)])
def test_any_name_can_be_read_drawn_and_written(child: Commands, tmp_path: Path, sound: bytes, name: bytes) -> None:
    def path(suffix: str) -> bytes:
        return os.path.join(os.fsencode(tmp_path), name + suffix.encode())

    with open(path(".wav"), "wb") as file:
        file.write(sound)
    for arguments in (
        ["mel", path(".wav"), path(".png")],
        ["spectrogram", path(".wav"), path(".png"), "--notebook"],
        ["mel", path(".wav"), path(".npz")],
        ["mel", path(".wav"), path(".zarr")],
        ["invert", path(".npz"), path(".flac"), "--n-iter", "1"],
        ["invert", path(".zarr"), path(".wav"), "--n-iter", "1"],
        ["mel", path(".flac"), path(".npy")],
    ):
        outcome = child.run(*arguments)
        assert outcome.code == 0, (arguments, outcome)
        assert not [line for line in outcome.lines if line.startswith("fastspec: ") and "Glyph" not in line], outcome
        assert os.path.exists(arguments[2])
    assert child.run("mel", path(".png"), path(".npy")).code == 2


def test_names_are_shown_in_one_line_without_control_characters() -> None:
    assert displayable(os.fsdecode(b"/a/b\xff\n c\x1b[0m.wav")) == "b\ufffd c\ufffd[0m.wav"
    assert displayable("größe 音.wav") == "größe 音.wav"


@pytest.mark.parametrize("title", ["$x_$.wav", "$a$ $b$", "a$b", r"\$x\$ \alpha"])
def test_dollars_in_names_are_no_mathematics(title: str) -> None:
    figure = figures.spectrogram(np.zeros((4, 5)), rate=RATE, n_fft=10, hop=2, title=canvas.literal(title))
    text = figure.axes[0]._left_title
    assert text._preprocess_math(text.get_text()) == (title, False)


class Page(HTMLParser):
    """The tags, the attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_of_the_demo_shows_any_name(child: Commands, tmp_path: Path, sound: bytes) -> None:
    name = b"<img src=x onerror=alert(1)>'\"&amp; $x_$ ${lead} \xff\n.wav"
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(sound)
    folder = os.path.join(os.fsencode(tmp_path), b"demo \xfe")
    outcome = child.run("demo", os.path.join(os.fsencode(tmp_path), name), "--out", folder)
    assert outcome.code == 0, outcome
    with open(os.path.join(folder, b"report.html"), encoding="utf-8") as file:
        page = Page(file.read())
    assert "<img src=x onerror=alert(1)>'\"&amp; $x_$ ${lead} \ufffd .wav: 0.375 seconds" in page.text
    assert "onerror" not in page.attributes
    with Image.open(os.path.join(folder, b"overview.png")) as image:
        image.load()


@pytest.mark.parametrize(
    "encoding", ["ascii", "latin-1", *(pytest.param(e, marks=pytest.mark.long) for e in ("cp1252", "utf-8"))]
)
def test_terminals_of_any_encoding_show_all_of_it(child: Commands, tmp_path: Path, sound: bytes, encoding: str) -> None:
    (tmp_path / "x.wav").write_bytes(sound)
    times = "x" if encoding == "ascii" else "×"
    outcome = child.run("mel", tmp_path / "x.wav", tmp_path / "m.npz", encoding=encoding)
    assert outcome.code == 0
    assert outcome.out.startswith(f"{tmp_path / 'm.npz'}: 24 frames {times} 80 mel bands, n_fft 512, hop 128")
    assert f"{times} real time" in outcome.lines[-1]
    outcome = child.run("invert", tmp_path / "m.npz", tmp_path / "größe.wav", "--n-iter", 1, encoding=encoding)
    assert outcome.code == 0
    assert outcome.out.startswith(str(tmp_path / ("gr\\xf6\\xdfe.wav" if encoding == "ascii" else "größe.wav")))
    for command in (["doctor"], ["mel", "--help"], ["invert", "--help"], ["--help"]):
        assert child.run(*command, encoding=encoding).code == 0
    missing = child.run("mel", tmp_path / "ø音\udcff.wav", "-", encoding=encoding)
    check_refused(missing, "does not exist")


def test_bytes_of_names_are_printed_as_they_are(child: Commands, tmp_path: Path, sound: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(sound)
    for encoding in ("utf-8", "ascii"):
        outcome = child.run("mel", tmp_path / "x.wav", tmp_path / "\udcff.npz", encoding=encoding)
        assert outcome.out.startswith(f"{tmp_path}/\udcff.npz: 24 frames")
