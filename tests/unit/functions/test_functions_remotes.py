import pytest

from objectlens.functions.remotes import Remote, Remotes, log_name, remote_function

ARN = "arn:aws:lambda:eu-west-1:210987654321:function:resize"


def remote(*functions, name="far"):
    return Remote(name=name, functions=functions, public_url="http://127.0.0.1:9000")


@pytest.mark.parametrize(
    ("pattern", "arn", "serves"),
    [
        (ARN, ARN, True),
        (ARN, f"{ARN}:3", True),
        (ARN, f"{ARN}:live", True),
        (ARN, f"{ARN}2", False),
        (f"{ARN}:live", f"{ARN}:live", True),
        (f"{ARN}:live", ARN, False),
        (f"{ARN}:live", f"{ARN}:3", False),
        ("arn:aws:lambda:*:210987654321:function:*", f"{ARN}:$LATEST", True),
        ("arn:aws:lambda:*:210987654321:function:*", ARN.replace("2109", "9999"), False),
        ("arn:aws:lambda:eu-west-?:*:function:res*e", ARN, True),
        # A pattern is no regular expression.
        ("arn:aws:lambda:eu-west-1:210987654321:function:resiz.", ARN, False),
    ],
)
def test_a_remote_serves_what_a_pattern_of_its_fits(pattern, arn, serves):
    assert remote(pattern).serves(arn) is serves


def test_the_first_of_several_has_it():
    first, second = remote(ARN, name="first"), remote("arn:aws:lambda:*:*:function:*", name="second")
    remotes = Remotes([first, second])
    assert remotes.of(f"{ARN}:3") is first
    assert remotes.of("arn:aws:lambda:eu-west-1:210987654321:function:other") is second
    assert Remotes().of(ARN) is None


def test_what_is_known_of_a_function_is_in_its_arn():
    function = remote_function(f"{ARN}:live")
    assert (function.name, function.account, function.region) == ("resize", "210987654321", "eu-west-1")
    assert (function.version, remote_function(ARN).version) == ("live", "$LATEST")
    assert (function.arn, remote_function(ARN).arn) == (f"{ARN}:live", ARN)
    with pytest.raises(ValueError, match="not the ARN of a function"):
        remote_function("arn:aws:lambda:eu-west-1:210987654321:layer:x")


def test_no_function_here_can_have_its_log():
    assert log_name("far", "resize") == "far.resize"
