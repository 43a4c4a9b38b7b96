import pytest

from objectlens.functions.states import Event, Forbidden, State, after


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_only_what_the_table_names_is_allowed(state, event):
    allowed = {
        ("STARTING", "POLL"): "READY",
        ("STARTING", "INIT_ERROR"): "DEAD",
        ("READY", "DISPATCH"): "BUSY",
        ("BUSY", "ANSWER"): "ANSWERED",
        ("ANSWERED", "POLL"): "READY",
    }
    expected = "DEAD" if event is Event.END else allowed.get((state.name, event.name))
    if expected is None:
        with pytest.raises(Forbidden, match=state.value):
            after(state, event)
    else:
        assert after(state, event) is State[expected]


def test_nothing_brings_the_dead_back():
    assert [event for event in Event if _allowed(State.DEAD, event)] == [Event.END]


def _allowed(state, event):
    try:
        after(state, event)
    except Forbidden:
        return False
    return True
