"""How long an environment's credentials last, told by what may happen from when they were made."""

from datetime import UTC, datetime, timedelta

import pytest

from objectlens.access.sessions import Sessions
from objectlens.clock import FixedClock
from objectlens.errors import ExpiredToken
from objectlens.functions import Limits

ROLE, FUNCTION = "arn:aws:iam::123456789012:role/r", "arn:aws:lambda:eu-west-1:123456789012:function:f"


@pytest.mark.parametrize("limits", [Limits(), Limits(age_seconds=60.0), Limits(spare_seconds=600.0)])
def test_the_last_invocation_of_the_last_fork_keeps_them(limits):
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    sessions = Sessions(bytes(32), clock)
    made = sessions.for_function(ROLE, FUNCTION, timedelta(seconds=limits.credentials_seconds))
    assert made.session_token is not None
    longest = 900
    for seconds in (
        *(limits.init_seconds + longest, limits.age_seconds),  # the template is made, and then as old as it becomes
        *(limits.init_seconds + longest, limits.age_seconds),  # so is what was forked from it at last
        *(limits.spare_seconds, longest - 1),  # which is looked at before long, unless it is given another invocation
    ):
        clock.advance(seconds)
        assert sessions.open(made.access_key_id, made.session_token)[0].arn.endswith("assumed-role/r/f")
    clock.advance(3600)
    with pytest.raises(ExpiredToken):
        sessions.open(made.access_key_id, made.session_token)
