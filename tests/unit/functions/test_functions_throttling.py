from datetime import UTC, datetime

import pytest

from objectlens.catalog.entities import Function
from objectlens.errors import TooManyRequestsException
from objectlens.functions.throttling import Throttle


def function(name, reserved=None, account="123456789012"):
    return Function(
        name=name,
        account=account,
        region="us-east-1",
        version="1",
        runtime="python3.11",
        handler="a.b",
        role="r",
        package="p",
        code_sha256="c",
        code_size=1,
        last_modified=datetime(2026, 1, 1, tzinfo=UTC),
        revision_id="1",
        reserved_concurrency=reserved,
    )


def admitted(throttle, one, most=100):
    for count in range(most):
        try:
            throttle.check(one)
        except TooManyRequestsException:
            return count
        throttle.count(one, 1)
    return most


def test_what_is_reserved_is_kept_from_the_others():
    throttle = Throttle(20)
    throttle.reserved = {"123456789012": 5}
    assert admitted(throttle, function("free")) == 15
    assert admitted(throttle, function("own", 5)) == 5
    assert admitted(throttle, function("free", account="999999999999")) == 20


def test_functions_without_a_reservation_share_what_is_left():
    throttle = Throttle(10)
    assert admitted(throttle, function("a"), 6) == 6
    assert admitted(throttle, function("b")) == 4
    throttle.count(function("a"), -1)
    assert admitted(throttle, function("b")) == 1


def test_old_reservations_do_not_stop_all_others():
    throttle = Throttle(20)
    throttle.reserved = {"123456789012": 900}
    assert admitted(throttle, function("free")) == 2


def test_nothing_is_remembered_of_what_has_ended():
    throttle = Throttle(10)
    for one in (function("a"), function("b", 3)):
        throttle.count(one, 1)
        throttle.count(one, -1)
    assert throttle.running == {}


def test_a_reservation_of_none_stops_the_function():
    with pytest.raises(TooManyRequestsException) as caught:
        Throttle(10).check(function("f", 0))
    assert caught.value.detail["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_what_is_patient_leaves_the_last_place_to_others():
    throttle = Throttle(20)
    for reserved, left in ((5, 1), (1, 0)):
        one = function(f"r{reserved}", reserved=reserved)
        for _ in range(reserved - left):
            throttle.check(one, patient=True)
            throttle.count(one, 1)
        with pytest.raises(TooManyRequestsException):
            throttle.check(one, patient=True)
        assert admitted(throttle, one) == left
    with pytest.raises(TooManyRequestsException):
        throttle.check(function("none", reserved=0), patient=True)
    other = function("other")
    for _ in range(19):
        throttle.check(other, patient=True)
        throttle.count(other, 1)
    with pytest.raises(TooManyRequestsException):
        throttle.check(other, patient=True)
    throttle.check(other)
