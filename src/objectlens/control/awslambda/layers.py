"""PublishLayerVersion, GetLayerVersion and its like, ListLayers, ListLayerVersions, DeleteLayerVersion."""

from __future__ import annotations

import re
from dataclasses import dataclass

from objectlens.arn import layer_arn
from objectlens.catalog import Shelves, layer_cursor
from objectlens.catalog.entities import LayerVersion
from objectlens.control.awslambda import render
from objectlens.control.awslambda.code import store_code
from objectlens.control.awslambda.context import Lambda, Parameters, Result
from objectlens.control.awslambda.paging import decode, encode, size_of
from objectlens.control.awslambda.sweeping import sweep_packages
from objectlens.control.protocol import Request
from objectlens.errors import InvalidParameterValueException, ResourceNotFoundException

_NAME = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]*:(?P<account>\d{12}):layer:)?(?P<name>[a-zA-Z0-9_-]{1,140})"
    r"(?::(?P<version>\d{1,12}))?"
)


@dataclass(frozen=True, slots=True)
class LayerName:
    """A layer, or one of its versions."""

    account: str
    name: str
    version: str | None = None

    def arn(self, region: str) -> str:
        """Return its ARN."""
        return layer_arn(region, self.account, self.name, self.version)


def parse_layer(text: str, account: str) -> LayerName:
    """Take the name or the ARN of a layer apart; `account` is the caller's.

    Raises `InvalidParameterValueException` for what names no layer.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise InvalidParameterValueException(f"{text!r} does not name a layer.")
    # Numbers have one spelling: `:01` is no version.
    return LayerName(match["account"] or account, match["name"], match["version"])


def named_layer(request: Request) -> LayerName:
    """Return the layer, or the version of one, that a request names."""
    if arn := request.params.get("Arn"):
        return parse_layer(arn, request.caller.account)
    layer = parse_layer(request.params["LayerName"], request.caller.account)
    version = request.params.get("VersionNumber")
    return layer if version is None else LayerName(layer.account, layer.name, str(version))


def no_layer() -> ResourceNotFoundException:
    """Say that there is no such layer version."""
    return ResourceNotFoundException("The resource you requested does not exist.")


async def find_layer(surroundings: Lambda, name: LayerName) -> LayerVersion | None:
    """Return a version of a layer, None when there is none."""
    return await surroundings.catalog.layer_versions.get(name.account, name.name, name.version or "")


async def publish_layer_version(surroundings: Lambda, request: Request) -> Result:
    """Make the next version of a layer; numbers are never used again."""
    name, parameters = named_layer(request), request.params
    package = await store_code(surroundings, request.caller, parameters["Content"], "PublishLayerVersion")

    def work(shelves: Shelves) -> LayerVersion:
        layer = LayerVersion(
            name=name.name,
            account=name.account,
            region=surroundings.region_of(request),
            version=str(shelves.layer_versions.next_number(name.account, name.name)),
            package=package.digest,
            code_sha256=package.code_sha256,
            code_size=package.code_size,
            created_at=surroundings.clock.now(),
            revision_id=surroundings.new_id(),
            description=parameters.get("Description") or "",
            license=parameters.get("LicenseInfo") or "",
            runtimes=tuple(parameters.get("CompatibleRuntimes") or ()),
            architectures=tuple(parameters.get("CompatibleArchitectures") or ()),
        )
        return shelves.layer_versions.create(layer)

    return _described(surroundings, request, await surroundings.catalog.change(work))


async def get_layer_version(surroundings: Lambda, request: Request) -> Result:
    """Describe a version, and tell where its content can be fetched."""
    layer = await find_layer(surroundings, named_layer(request))
    if layer is None:
        raise no_layer()
    return _described(surroundings, request, layer)


def _described(surroundings: Lambda, request: Request, layer: LayerVersion) -> Result:
    return render.layer(layer, surroundings.downloads.url(request.http, layer.package))


async def delete_layer_version(surroundings: Lambda, request: Request) -> Result:
    """Remove a version, if it is there; functions that have it keep it ("Deleting a layer version")."""
    name = named_layer(request)
    if await surroundings.catalog.layer_versions.delete(name.account, name.name, name.version or ""):
        surroundings.tasks.start(sweep_packages(surroundings))
    return {}


async def list_layer_versions(surroundings: Lambda, request: Request) -> Result:
    """List the versions of a layer, the newest first."""
    name, size = named_layer(request), size_of(request.params)
    after = decode(request.params.get("Marker"))
    _, found = await surroundings.catalog.read(lambda shelves: all_layers(shelves, name.account, name.name))
    fitting = [one for one in found if layer_cursor(one) > after and _fits(one, request.params)]
    more = {"NextMarker": encode(layer_cursor(fitting[size - 1]))} if len(fitting) > size else {}
    return {"LayerVersions": [render.layer_item(one) for one in fitting[:size]], **more}


async def list_layers(surroundings: Lambda, request: Request) -> Result:
    """List the caller's layers, each with its newest version."""
    size, after = size_of(request.params), decode(request.params.get("Marker"))
    _, found = await surroundings.catalog.read(lambda shelves: all_layers(shelves, request.caller.account))
    newest: dict[str, LayerVersion] = {}
    for one in found:
        if one.name > after and _fits(one, request.params):
            newest.setdefault(one.name, one)
    page = list(newest.values())[:size]
    more = {"NextMarker": encode(page[-1].name)} if len(newest) > size else {}
    return {"Layers": [_summary(one) for one in page], **more}


def all_layers(shelves: Shelves, account: str | None = None, name: str | None = None) -> list[LayerVersion]:
    """Return the versions of all layers, or of those of one account, or of one layer."""
    given = {"account": account, "name": name}
    where = {key: value for key, value in given.items() if value is not None}
    return shelves.layer_versions.list(limit=1_000_000, **where)


def _fits(layer: LayerVersion, parameters: Parameters) -> bool:
    runtime, architecture = parameters.get("CompatibleRuntime"), parameters.get("CompatibleArchitecture")
    return (not runtime or runtime in layer.runtimes) and (not architecture or architecture in layer.architectures)


def _summary(layer: LayerVersion) -> Result:
    return {
        "LayerName": layer.name,
        "LayerArn": layer_arn(layer.region, layer.account, layer.name),
        "LatestMatchingVersion": render.layer_item(layer),
    }
