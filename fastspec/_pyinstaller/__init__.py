"""Hooks for PyInstaller, which finds this folder by the entry point `pyinstaller40` of the package."""

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """The folder of the hooks."""
    return [str(Path(__file__).parent)]
