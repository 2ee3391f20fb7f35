"""What PyInstaller does not see of a program that imports fastspec: modules and packages that are loaded by their name.

The commands and the demo are loaded by import statements alone, so they come only to programs that use them.  librosa
is large, and few programs with `fastspec.librosa` reach it: those name it themselves, by ``--hidden-import librosa``.
"""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

NOT_BY_NAME = ("fastspec._pyinstaller", "fastspec.cli", "fastspec.demo")
BY_NAME = ("PIL.Image", "matplotlib.backends.backend_agg", "matplotlib.figure", "soundfile", "soxr", "zarr")

hiddenimports = collect_submodules("fastspec", filter=lambda name: not name.startswith(NOT_BY_NAME))
hiddenimports += [name for name in BY_NAME if find_spec(name.partition(".")[0])]
datas = collect_data_files("fastspec", subdir="data")
datas += copy_metadata("librosa") if find_spec("librosa") else []  # by which the face chooses a version
