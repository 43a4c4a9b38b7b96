import asyncio
import subprocess

import pytest

from objectlens.functions.crowds import LOOK_SECONDS, Crowds
from objectlens.functions.isolation_cgroups import Group, find_cgroups
from support.hosts import until

MIB = 2**20
CGROUPS = find_cgroups()


def idle(group):
    return (group.folders["cpu"] / "cpu.idle").read_text().strip() == "1"


def use_up(group):
    """Start more processes in a group than it may have."""
    places = " ".join(str(folder / "cgroup.procs") for folder in set(group.folders.values()))
    join = f'for place in {places}; do echo $$ > "$place"; done; '
    subprocess.run(
        ["/bin/sh", "-c", join + "for i in 1 2 3 4; do sleep 0.1 & done; wait"], stderr=subprocess.DEVNULL, check=False
    )


@pytest.mark.skipif(not {"pids", "cpu"} <= CGROUPS.parents.keys(), reason="no control groups here")
def test_who_starts_more_processes_than_it_may_gives_way_to_all_others():
    async def look():
        crowds = Crowds()
        groups = [CGROUPS.make(memory=64 * MIB, processes=limit, processors=0.5, hard=False) for limit in (3, 50)]
        forget = [crowds.watch(group) for group in groups]
        try:
            for group in groups:
                use_up(group)
            await until(lambda: idle(groups[0]))
            return [idle(group) for group in groups]
        finally:
            crowds.close()
            for done, group in zip(forget, groups, strict=True):
                done()
                group.remove()

    try:
        assert asyncio.run(look()) == [True, False]
    finally:
        CGROUPS.close()


@pytest.mark.skipif(not {"pids", "cpu"} <= CGROUPS.parents.keys(), reason="no control groups here")
def test_a_group_that_was_removed_does_no_harm():
    async def look():
        crowds = Crowds()
        group = CGROUPS.make(memory=64 * MIB, processes=3, processors=0.5, hard=False)
        forget = crowds.watch(group)
        use_up(group)
        group.remove()
        await asyncio.sleep(2 * LOOK_SECONDS)
        forget()
        crowds.close()

    try:
        asyncio.run(look())
    finally:
        CGROUPS.close()


def test_without_control_groups_nothing_is_watched():
    async def look():
        crowds = Crowds()
        try:
            return crowds.watch(Group({}))
        finally:
            crowds.close()

    assert asyncio.run(look()) is None
