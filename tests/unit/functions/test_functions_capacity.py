import pytest

from objectlens.functions.capacity import memory_bytes, suitable_environments

GIB = 1024**3


@pytest.mark.parametrize(
    ("cores", "memory", "expected"),
    [(2, 24 * GIB, 64), (2, 4 * GIB, 16), (1, 512 * 1024**2, 4), (64, 16 * GIB, 64), (64, 512 * GIB, 2048)],
)
def test_cores_and_memory_bound_the_environments(cores, memory, expected):
    assert suitable_environments(cores, memory) == expected


def test_a_container_has_the_memory_that_it_is_given(tmp_path):
    whole = memory_bytes(tmp_path)
    assert whole > GIB // 4
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes(tmp_path) == whole
    (tmp_path / "memory.max").write_text("100000000\n")
    assert memory_bytes(tmp_path) == 100_000_000


def test_this_machine_may_have_some():
    assert suitable_environments() >= 4
