"""Every operation of the models is served, or declined by name with a reason."""

from types import SimpleNamespace

import pytest

from objectlens.control.awslambda import DECLINED, HANDLERS
from objectlens.control.identity import iam_api, sts_api
from objectlens.control.protocol import ControlApi, Model
from objectlens.control.s3control import s3control_api

NOBODY = SimpleNamespace(access=SimpleNamespace(authorize=None))
APIS = {
    "s3control": s3control_api(None, None),
    "lambda": ControlApi("lambda", HANDLERS, None, None, declined=DECLINED),
    "iam": iam_api(NOBODY),
    "sts": sts_api(NOBODY),
}
OPERATIONS = [(service, name) for service in APIS for name in Model(service).operations]


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_every_operation_is_served_or_declined_by_name(service, name):
    api = APIS[service]
    assert (name in api.handlers) or api.reason(name)


@pytest.mark.parametrize("service", APIS)
def test_every_handler_is_of_an_operation(service):
    assert APIS[service].handlers.keys() <= Model(service).operations.keys()


@pytest.mark.parametrize("service", APIS)
def test_reasons_finish_the_sentence_they_stand_in(service):
    for name in Model(service).operations:
        reason = APIS[service].reason(name) or "it is served"
        assert not reason.endswith(".")
