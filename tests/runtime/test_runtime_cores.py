"""How many threads are taken: quotas of containers, processors and variables of the environment."""

from pathlib import Path

import pytest
from sandbox import Sandbox

from fastspec.kernels.runtime import cores

V1 = "9:name=systemd:/\n4:memory:/box\n2:cpu,cpuacct:/box/inner\n"
V2 = "0::/user/box\n"


def write(folder: Path, **files: str) -> None:
    """Files of a control group; two underscores stand for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_quotas_of_version_1(tmp_path: Path) -> None:
    for name in ("cpu,cpuacct", "cpu"):
        root = tmp_path / name / "root"
        write(root / name / "box" / "inner", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
        write(root / name / "box", cpu__cfs_quota_us="150000\n", cpu__cfs_period_us="100000\n")
        assert list(cores.quotas_of(V1, root)) == [1.5]


def test_quotas_of_version_2(tmp_path: Path) -> None:
    for root in (tmp_path / "alone", tmp_path / "mixed" / "unified"):
        write(root / "user" / "box", cpu__max="400000 100000\n")
        write(root / "user", cpu__max="max 100000\n")
        write(root, cpu__max="300000 100000\n")
    assert list(cores.quotas_of(V2, tmp_path / "alone")) == [4.0, 3.0]
    assert list(cores.quotas_of(V2, tmp_path / "mixed")) == [4.0, 3.0]


def test_a_container_sees_its_group_as_the_root(tmp_path: Path) -> None:
    write(tmp_path, cpu__max="50000 100000\n")
    assert list(cores.quotas_of("0::/seen/from/outside\n", tmp_path)) == [0.5]


@pytest.mark.parametrize("text", ["", "max", "x 100000", "100000 0", "-1 100000"])
def test_damaged_files_are_no_quota(tmp_path: Path, text: str) -> None:
    write(tmp_path, cpu__max=text)
    assert list(cores.quotas_of(V2 + "nonsense\n", tmp_path)) == []


COUNT = """
from pathlib import Path
from fastspec.kernels.runtime import cores
cores.CGROUPS = Path(GROUPS)
print(threads.thread_count(), *threads.thread_limit().split()[:1])
"""


@pytest.mark.parametrize(
    ("environment", "processors", "quota", "found"),
    [
        ({}, 2, "max 100000", ["2", "processors"]),
        ({}, 1, "max 100000", ["1", "processors"]),
        ({}, 2, "50000 100000", ["1", "quota"]),
        ({"OMP_NUM_THREADS": "1"}, 2, "max 100000", ["1", "OMP_NUM_THREADS"]),
        ({"OMP_NUM_THREADS": "1,4"}, 2, "max 100000", ["1", "OMP_NUM_THREADS"]),
        ({"OMP_NUM_THREADS": "16"}, 2, "max 100000", ["2", "processors"]),
        ({"FASTSPEC_NUM_THREADS": "1"}, 2, "max 100000", ["1", "FASTSPEC_NUM_THREADS"]),
        ({"FASTSPEC_NUM_THREADS": "9"}, 2, "max 100000", ["2", "processors"]),
        ({"NUMBA_NUM_THREADS": "5"}, 2, "50000 100000", ["5", "NUMBA_NUM_THREADS"]),
        ({"NUMBA_NUM_THREADS": "5", "FASTSPEC_NUM_THREADS": "3"}, 2, "max 100000", ["3", "FASTSPEC_NUM_THREADS"]),
    ],
)
def test_the_smallest_limit_decides(
    tmp_path: Path, environment: dict[str, str], processors: int, quota: str, found: list[str]
) -> None:
    box = Sandbox(tmp_path / "box")
    write(tmp_path / "groups", cpu__max=quota)
    set_affinity = f"import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{processors}])\n"
    code = f"GROUPS = {str(tmp_path / 'groups')!r}\n{set_affinity}{COUNT}"
    assert box.run(code, **{"NUMBA_NUM_THREADS": "", "OMP_NUM_THREADS": "", **environment})[0] == found
