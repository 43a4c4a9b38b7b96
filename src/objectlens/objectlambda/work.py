"""What makes the derived objects of a request: a native pipeline, or a Lambda function that promised to be managed."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import quote, unquote

from objectlens import errors
from objectlens.access import Caller
from objectlens.arn import Arn
from objectlens.cache import Failed, Made, Maker
from objectlens.call import Call
from objectlens.catalog.entities import LATEST, Function, ObjectLambdaAccessPoint, Transformation
from objectlens.http import Headers
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.contract import Contract
from objectlens.objectlambda.event import kept_query
from objectlens.objectlambda.get import answer_of
from objectlens.objectlambda.invoking import Failure, known_function, may_invoke, qualified
from objectlens.objectlambda.native import ARGUMENTS_HEADER, SourceMoved, check_signed, is_native
from objectlens.objectlambda.rendezvous import Answer
from objectlens.objectlambda.source import look_at, supporting_access_point
from objectlens.objectlambda.taking import gathered, is_private, taken_head
from objectlens.objectlambda.turns import patience
from objectlens.objects.reading import discard
from objectlens.objects.whole import open_whole
from objectlens.s3.operations import OPERATIONS
from objectlens.stores import KeyNotFound, Opened
from objectlens.transforms import Arguments, Program
from objectlens.transforms.arguments import is_of_s3

# What an error of a function's own making may be kept for a moment: what it says of the object, and nothing that may
# depend on who asks (401, 403), on the moment (409, 5xx), or on a condition (412, 416).
_LASTING_STATUSES: Final = frozenset({400, 404, 405})
_LASTING_ERRORS: Final = (
    errors.LambdaInvalidResponse,
    errors.LambdaResponseNotReceived,
    errors.InvalidTransformInput,
    errors.TransformLimitExceeded,
)
# Ends of an environment that say nothing of the function: somebody killed it, or its host.
_KILLED: Final = frozenset({"Runtime.ExitError"})


class Work(Protocol):
    """One way of making derived objects, for one request.

    `arguments` are canonical. `reusable` tells whether what is made may be given to others.
    """

    @property
    def maker(self) -> Maker:
        """Return what makes them."""
        ...

    @property
    def arguments(self) -> str:
        """Return the arguments, canonical."""
        ...

    @property
    def reusable(self) -> bool:
        """Tell whether what is made may be given to others."""
        ...

    @property
    def sizes(self) -> str:
        """Return which sizes listings tell (see `derived_list`)."""
        ...

    async def permit(self, via: Caller | None = None) -> None:
        """Return when the caller may have it made; raises `LambdaPermissionError`."""
        ...

    @property
    def opens(self) -> bool:
        """Tell whether `make` takes a source that is open."""
        ...

    async def make(self, there: Call, state: str, opened: Opened | None = None) -> Made:
        """Make the derived object of a source in one state; `there` reads the source. Raises `Failed`.

        A source that is `opened`, in that state, becomes its own to close.
        """
        ...


async def work_of(lens: ObjectLambda, call: Call, access_point: ObjectLambdaAccessPoint) -> Work | None:
    """Return what makes the answers to a GET or HEAD, None when they are strict: the function's own, or the source's.

    The HEAD of a managed GET is the gateway's, unless a strict function has it.
    """
    operation = call.operation.name

    async def look() -> tuple[Engaged | NativeMaker | None, bool]:
        return await _chosen(lens, access_point, operation, _point(call.address.key or ""))

    found = await lens.prepare((access_point.arn, operation), look)
    if found is None:
        return None
    if isinstance(found, NativeMaker):
        return NativeWork(lens, call, found, lens.native.arguments(found.program, call.http))
    return LambdaWork(lens, call, access_point, found)


def _point(key: str) -> float:
    """Return the point at which aliases with weights choose.

    It is the same for a key each time: ranges of one object belong together.
    """
    return zlib.crc32(key.encode("utf-8", "surrogateescape")) / 2**32


async def _chosen(
    lens: ObjectLambda, access_point: ObjectLambdaAccessPoint, operation: str, point: float
) -> tuple[Engaged | NativeMaker | None, bool]:
    """Return what makes the answers of an operation, and whether that is so for all keys."""
    configuration = access_point.configuration
    of_get, of_head = configuration.transformation("GetObject"), configuration.transformation("HeadObject")
    get = (None, True) if of_get is None else await _managed(lens, access_point, of_get, point)
    if operation == "GetObject" or of_head is None:
        return get
    own, lasting = await _managed(lens, access_point, of_head, point)
    if own is None:
        return None, lasting
    return (own, lasting) if get[0] is None else get


async def _managed(
    lens: ObjectLambda, access_point: ObjectLambdaAccessPoint, transformation: Transformation, point: float
) -> tuple[Engaged | NativeMaker | None, bool]:
    if is_native(transformation.function_arn):
        made = NativeMaker.of(lens, access_point, transformation)
        # Files of the operator may change at any time.
        return made, not made.program.files
    return await _engaged(lens, access_point, transformation, point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engaged:
    """A managed function as an access point has it; `invoked` is what the caller must be allowed to invoke."""

    transformation: Transformation
    function: Function
    invoked: Function
    contract: Contract
    maker: Maker


async def _engaged(
    lens: ObjectLambda, access_point: ObjectLambdaAccessPoint, transformation: Transformation, point: float
) -> tuple[Engaged | None, bool]:
    """Return the managed function of a transformation, and whether it is the same for all keys."""
    if lens.remotes.of(transformation.function_arn) is not None:
        # Of a function that runs elsewhere nothing is known that could tell its versions apart.
        return None, True
    found = await known_function(lens, transformation, point)
    if found is None or not (contract := Contract.of(found[0].tags)).managed:
        return None, True
    function, invoked = found
    arn = Arn.parse(transformation.function_arn)
    name, qualifier = qualified(arn)
    alias = await lens.catalog.function_aliases.get(arn.account, name, qualifier)
    moments = (function.last_modified, configured_at(access_point), None if alias is None else alias.updated_at)
    maker = Maker(
        access_point=access_point.arn,
        function=function.arn if function.version != LATEST else f"{function.arn}:{LATEST}",
        digest=_digest_of(function, access_point, transformation),
        since=max(moment for moment in moments if moment is not None),
    )
    engaged = Engaged(transformation=transformation, function=function, invoked=invoked, contract=contract, maker=maker)
    return engaged, alias is None or not alias.weights


def _digest_of(function: Function, access_point: ObjectLambdaAccessPoint, transformation: Transformation) -> str:
    """Return a digest of a function's code, and of what of its configuration decides what it comes to."""
    return _digest(
        function.code_sha256,
        function.package,
        function.handler,
        function.runtime,
        function.architectures,
        dict(function.environment),
        [(layer.arn, layer.package) for layer in function.layers],
        transformation.function_payload,
        access_point.configuration.supporting_access_point,
    )


def configured_at(access_point: ObjectLambdaAccessPoint) -> datetime:
    """Return since when an access point is as it is."""
    return access_point.configured_at or access_point.created_at


def _canonical(values: object) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _digest(*parts: object) -> str:
    return hashlib.sha256(_canonical(parts).encode()).hexdigest()


# --- native transforms ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NativeMaker:
    """A pipeline of ours as an access point has it."""

    program: Program
    maker: Maker

    @classmethod
    def of(
        cls, lens: ObjectLambda, access_point: ObjectLambdaAccessPoint, transformation: Transformation
    ) -> NativeMaker:
        """Compile the pipeline; raises what is wrong with it."""
        program = lens.native.program(transformation.function_payload)
        maker = Maker(
            access_point=access_point.arn,
            function=transformation.function_arn,
            digest=program.digest,
            since=configured_at(access_point),
        )
        return cls(program, maker)


@dataclass(frozen=True, slots=True)
class NativeWork:
    """A pipeline with the arguments of a request."""

    lens: ObjectLambda
    call: Call
    native: NativeMaker
    values: Arguments

    @property
    def maker(self) -> Maker:
        """The pipeline."""
        return self.native.maker

    @property
    def arguments(self) -> str:
        """The values of all parameters, defaults included."""
        return self.values.canonical

    @property
    def reusable(self) -> bool:
        """Every step of ours is deterministic."""
        return True

    @property
    def sizes(self) -> str:
        """A pipeline has no tags; its access point has."""
        return "cached"

    async def permit(self, via: Caller | None = None) -> None:
        """Return when the caller may invoke the built-in function."""
        await may_invoke(self.lens, self.call, self.maker.function, via)

    @property
    def opens(self) -> bool:
        """A pipeline reads the source itself."""
        return True

    async def make(self, there: Call, state: str, opened: Opened | None = None) -> Made:
        """Run the pipeline."""
        native, program = self.lens.native, self.native.program
        patience.set(self.call.patience)
        try:
            source = opened or await self._open(there, state)
            return await native.make(program, self.values, source)
        except (SourceMoved, errors.NoSuchKey, errors.NoSuchVersion) as error:
            raise Failed(SourceMoved()) from error
        except errors.ServiceError as error:
            # A process that ended under the transform may have been killed for others' sake.
            again = isinstance(error, errors.LambdaRuntimeError)
            raise Failed(error, lasting=isinstance(error, _LASTING_ERRORS), again=again) from error

    async def _open(self, there: Call, state: str) -> Opened:
        opened = await open_whole(self.lens.objects, there)
        if opened.stat.state() != state:
            await discard(opened.body)
            raise SourceMoved
        return opened


# --- Lambda functions -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class LambdaWork:
    """A function that knows whole objects, with the arguments of a request.

    It is shown of the request what the key of its answers holds, and no more: the object, the query, the headers and
    the identity that its contract names. So it cannot come to an answer that others must not be given.
    """

    lens: ObjectLambda
    call: Call
    access_point: ObjectLambdaAccessPoint
    engaged: Engaged

    @property
    def contract(self) -> Contract:
        """What the function promised."""
        return self.engaged.contract

    @property
    def maker(self) -> Maker:
        """The function."""
        return self.engaged.maker

    @property
    def arguments(self) -> str:
        """The query's parameters but for S3's own, the headers and the identity that the answers depend on."""
        http, contract = self.call.http, self.contract
        if not (http.query or contract.headers or contract.identity or ARGUMENTS_HEADER in http.headers):
            return "{}"
        check_signed(http)
        query: dict[str, str | list[str]] = {}
        for name, value in self._pairs():
            had = query.get(name)
            query[name] = value if had is None else [*([had] if isinstance(had, str) else had), value]
        headers = {name.lower(): value for name, value in self._headers()}
        identity = self.call.caller.arn if self.contract.identity else None
        if not headers and identity is None:
            return _canonical(query)
        # Values of the query are never objects: no query can look like this.
        return _canonical({"query": query, "headers": headers, "identity": identity})

    @property
    def reusable(self) -> bool:
        """What the contract says."""
        return self.contract.deterministic

    @property
    def sizes(self) -> str:
        """What the contract says."""
        return self.contract.sizes

    def _pairs(self) -> list[tuple[str, str]]:
        # One order for all: functions that take what comes first must not come to another answer.
        pairs = [(name, value) for name, value in self.call.http.parameters() if not is_of_s3(name)]
        return sorted(pairs, key=lambda pair: pair[0])

    def _headers(self) -> list[tuple[str, str]]:
        names = self.contract.headers | {ARGUMENTS_HEADER}
        return [(name, value) for name, value in self.call.http.headers if name.lower() in names]

    async def permit(self, via: Caller | None = None) -> None:
        """Return when the caller may invoke the function."""
        await may_invoke(self.lens, self.call, self.engaged.invoked, via)

    def _neutral(self) -> Call:
        """Return the request as the function is shown it."""
        call = self.call
        version = [piece for piece in kept_query(call.http.query) if _is_version(piece)]
        query = "&".join(
            [*(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self._pairs()), *version]
        )
        http = replace(call.http, method="GET", query=query, headers=Headers(self._headers()))
        return replace(call, http=http, operation=OPERATIONS["GetObject"])

    @property
    def opens(self) -> bool:
        """The function reads the source, by a URL."""
        return False

    async def make(self, there: Call, state: str, opened: Opened | None = None) -> Made:
        """Invoke the function."""
        lens, function = self.lens, self.engaged.function
        source = await supporting_access_point(lens, self.access_point)
        try:
            answer = await answer_of(
                lens,
                self._neutral(),
                self.access_point,
                source,
                function=function,
                transformation=self.engaged.transformation,
                state=state,
                anonymous=not self.contract.identity,
            )
        except errors.ServiceError as error:
            await self._see_to_source(there, state)
            raise Failed(error, lasting=_lasts(error), again=_is_again(error)) from error
        if answer.forwarded.status != 200 or answer.forwarded.error_code is not None:
            refused = await gathered(answer)
            await self._see_to_source(there, state)
            raise _refusal(refused)
        return self._made(answer, there, state)

    def _made(self, answer: Answer, there: Call, state: str) -> Made:
        async def current() -> bool:
            return await self._is_in(there, state)

        return Made(
            head=taken_head(answer.forwarded),
            body=answer.body,
            length=answer.length,
            reusable=self.contract.deterministic and not is_private(answer.forwarded),
            current=current,
        )

    async def _is_in(self, there: Call, state: str) -> bool:
        """Tell whether the source is still in a state; a function may have read it by other ways than its URL."""
        try:
            stat = await look_at(self.lens, there, now=True)
        except (KeyNotFound, OSError):
            return False
        return stat.state() == state

    async def _see_to_source(self, there: Call, state: str) -> None:
        """Raise `Failed` with `SourceMoved` when that may be why the function failed: it could read nothing else."""
        if not await self._is_in(there, state):
            raise Failed(SourceMoved())


def _refusal(answer: Answer) -> Failed:
    status = answer.forwarded.status
    if status < 400:
        # The client would take a part for the whole, or what it never had for unchanged.
        said = f"The function answered {status}. A managed function answers 200 with the whole object, or an error."
        return Failed(errors.LambdaInvalidResponse(said), lasting=True)
    return Failed(answer, lasting=status in _LASTING_STATUSES)


def _is_version(piece: str) -> bool:
    return unquote(piece.partition("=")[0]) == "versionId"


def _lasts(error: errors.ServiceError) -> bool:
    if isinstance(error, Failure):
        return error.type not in _KILLED and not error.type.startswith("Sandbox.")
    return isinstance(error, _LASTING_ERRORS) and not isinstance(error.__cause__, ConnectionError)


def _is_again(error: errors.ServiceError) -> bool:
    if isinstance(error, Failure):
        return error.type in _KILLED
    return isinstance(error, errors.LambdaResponseNotReceived) and isinstance(error.__cause__, ConnectionError)
