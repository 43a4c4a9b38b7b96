"""What makes unmodified Python handlers cheaper; it runs inside the function's process, beside user code.

Handlers make a client of the AWS SDK on every call, which costs more than the rest of their work. Here the same call of
`boto3.client` gives the same client again, sessions share the parsed service models, `write_get_object_response` goes
out over a kept connection with a signature made directly, `requests` keeps its connections to this service, and reads
of the source by `requests`, `urllib` and `urllib3` take none. OpenCV scales down by area in a third of its time (see
`area`). Results, errors and what the service sees stay what they are, bit for bit. Wherever a client was changed
(its event handlers above all), or anything is unusual, the library's own way is taken. `OBJECTLENS_ACCELERATE=0` in a
function's environment leaves all of these libraries as they are, `OBJECTLENS_ACCELERATE=aws` OpenCV.

Nothing is imported that the handler does not import itself: the changes are made when a library is.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

OPT_OUT = "OBJECTLENS_ACCELERATE"
KEPT = 64
# The place of that argument of boto3.Session.
_BOTOCORE_SESSION = 5
_CHANGES = "_objectlens_changes"
# What a client may take from the environment; the trace of an invocation changes with each and is none of it.
_RELEVANT = (b"AWS_", b"BOTO_", b"HTTP", b"NO_PROXY", b"http", b"no_proxy", b"HOME", b"REQUESTS_")


class _Odd(ValueError):
    """Something is not as usual: leave it to the SDK."""


_channel: list[Any] = []


def use(one: Any) -> None:
    """Take the channel to the service (see `polling`), which a process has only once it is an environment."""
    _channel.append(one)


def channel() -> Any:
    """Return the channel, None without one."""
    return _channel[0] if _channel else None


def _unobserved_channel() -> Any:
    """Return the channel, None without one and where somebody wants to see what goes through sockets."""
    return channel() if _channel and _beside("wire").has_plain_sockets() else None


def install() -> None:
    """Have the SDK changed as soon as it is imported."""
    if os.environ.get(OPT_OUT) != "0":
        changes: dict[str, Callable[[Any], None]] = {
            "boto3.session": _change_boto3,
            "botocore.session": _change_botocore,
            "botocore.client": _note_client,
            "requests.sessions": lambda sessions: _beside("fetching").change(
                sessions, lambda: _beside("wire"), channel
            ),
            "requests.api": lambda api: _beside("fetching").shorten(api, lambda: _beside("wire"), channel),
            "urllib.request": lambda library: _beside("handover").change_urllib(library, _unobserved_channel),
            "urllib3.connection": lambda library: _beside("handover").change_urllib3(library, _unobserved_channel),
        }
        if os.environ.get(OPT_OUT) != "aws":
            changes["cv2"] = _change_opencv
        sys.meta_path.insert(0, _Importing(changes))


def _beside(name: str) -> Any:
    """Return one of the modules beside this file, under a name that no module of the handler's has."""
    if name not in _loaded:
        folder, this = os.path.split(__file__)  # (pathlib costs its import)
        path = os.path.join(folder, name + os.path.splitext(this)[1])  # noqa: PTH118, PTH122
        if name == "area" and path.endswith(".py"):
            # A room of its own; what is compiled lies together.
            path = os.path.join(os.path.dirname(folder), name, "__init__.py")  # noqa: PTH118, PTH120
        spec = importlib.util.spec_from_file_location(f"_objectlens_{name}", path)
        if spec is None or spec.loader is None:
            raise ImportError(name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        _loaded.setdefault(name, module)  # another thread may have been as fast
    return _loaded[name]


_loaded: dict[str, Any] = {}


class _Importing:
    """A finder that lets others find, and changes some modules once they are loaded."""

    def __init__(self, changes: dict[str, Callable[[Any], None]]) -> None:
        self._changes = changes

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find one of the modules by asking all other finders."""
        del path, target
        change = self._changes.pop(name, None)
        if change is None:
            return None
        try:
            spec = importlib.util.find_spec(name)
        finally:
            # Who asks for it need not import it then.
            self._changes[name] = change
        loader = spec.loader if spec else None
        if loader is None or not hasattr(loader, "exec_module"):
            return spec
        load = loader.exec_module

        def load_and_change(module: Any) -> None:
            change = self._changes.pop(name, None)
            load(module)
            if change is not None:
                change(module)

        loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def _change_opencv(cv2: Any) -> None:
    # A handler's own module of that name may be anything, and need no NumPy.
    if "numpy" in sys.modules:
        with contextlib.suppress(Exception):
            _beside("area").change(cv2)


def _change_botocore(session: Any) -> None:
    """Let sessions with the same search path read each service's model once."""
    _inspect_once(sys.modules.get("botocore.hooks"))
    make = getattr(session, "create_loader", None)
    if make is None:
        return
    loaders: dict[Any, Any] = {}

    def create_loader(search_path: Any = None) -> Any:
        if search_path not in loaders:
            loaders[search_path] = make(search_path)
        return loaders[search_path]

    session.create_loader = create_loader


_Function = type(lambda: None)


def _inspect_once(hooks: Any) -> None:
    """Let what each session asks of the same events be found out once: names, and whether handlers take keywords."""
    _share_names(hooks)
    ask = getattr(hooks, "accepts_kwargs", None)
    if ask is None:
        return
    answers: dict[Any, bool] = {}

    def accepts_kwargs(function: Any) -> bool:
        # Whether a method takes keywords does not depend on whose it is.
        function = getattr(function, "__func__", function)
        # Only those that are there for good: others would be kept alive by being remembered.
        if type(function) is not _Function or function.__closure__ or "<" in function.__qualname__:
            accepts: bool = ask(function)
            return accepts
        if function not in answers:
            answers[function] = ask(function)
        return answers[function]

    hooks.accepts_kwargs = accepts_kwargs


def _share_names(hooks: Any) -> None:
    """Let emitters with the SDK's own table of names share what they have looked up in it."""
    aliaser, usual = getattr(hooks, "EventAliaser", None), getattr(hooks, "EVENT_ALIASES", None)
    if aliaser is None or usual is None:
        return
    begin = aliaser.__init__
    names: dict[str, str] = {}

    @functools.wraps(begin)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807  (it takes that method's place)
        begin(self, *arguments, **options)
        if getattr(self, "_event_aliases", None) is usual and getattr(self, "_alias_name_cache", None) == {}:
            self._alias_name_cache = names

    aliaser.__init__ = __init__


def warm() -> None:
    """Read what every client of S3 needs to be made, if the handler uses the SDK: forks then share it.

    What they would read themselves, models and rules of endpoints, takes 80 ms and 25 MB of each.
    """
    sdk = sys.modules.get("botocore.session")
    if os.environ.get(OPT_OUT) == "0" or sdk is None or not hasattr(sdk, "Session"):
        return
    # So that no fork has to compile them.
    _beside("wire"), _beside("writing")
    # Nobody asked for what the SDK would say of it.
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        # With keys of its own it looks for none, and with a session of its own it leaves none behind.
        options = {
            "region_name": os.environ.get("AWS_REGION"),
            "aws_access_key_id": "-",
            "aws_secret_access_key": "-",
        }
        own = sdk.Session()
        boto3 = sys.modules.get("boto3.session")
        if boto3 is None:
            own.create_client("s3", **options)
        else:
            # It imports transfers and what they need when the first client of S3 is made.
            boto3.Session(botocore_session=own).client("s3", **options)
            if getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None) is None:
                with contextlib.suppress(LookupError, _Odd):
                    _spare.append(_beside("spare").Spare(_surroundings, _CLIENTS))
    except Exception as error:  # noqa: BLE001  (a handler's own version of the SDK may be anything)
        print(f"[WARN] The AWS SDK could not be prepared for forks: {type(error).__name__}: {error}")
    finally:
        logging.disable(disabled)


_own: dict[str, Any] = {}
_spare: list[Any] = []
_CLIENTS = "_objectlens_clients"


def _note_client(client: Any) -> None:
    """Keep the SDK's own method, to see later whether it was replaced."""
    _own["_make_api_call"] = getattr(getattr(client, "BaseClient", None), "_make_api_call", None)


def _change_boto3(session: Any) -> None:
    """Let a session give the same client for the same arguments, unless its event handlers were changed."""
    make, begin = session.Session.client, session.Session.__init__

    def __init__(self: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807  (it takes that method's place)
        if not arguments and not options and _takes_spare(self):
            return
        begin(self, *arguments, **options)
        events = getattr(self, "events", None)
        if events is not None and options.get("botocore_session") is None and len(arguments) < _BOTOCORE_SESSION:
            _watch(events)
            _watch_session(events, self.__dict__.get("_session"))

    def client(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            _check_unchanged(getattr(self, "events", None))
            key = (_frozen(arguments), _frozen(options), _agent(self.__dict__.get("_session")), _surroundings())
        except _Odd:
            return make(self, *arguments, **options)
        kept = self.__dict__.setdefault(_CLIENTS, {})
        found, attributes = kept.get(key, (None, None))
        if found is None or found.meta.events.__dict__[_CHANGES] or _attributes(found) != attributes:
            found = make(self, *arguments, **options)
            _watch(found.meta.events)
            if found.meta.service_model.service_name == "s3":
                unchanged = functools.partial(_check_unchanged, found.meta.events)
                _beside("writing").shorten(found, _beside("wire"), unchanged, _own.get("_make_api_call"), channel)
            if len(kept) >= KEPT:
                kept.pop(next(iter(kept)), None)
            state, config = _attributes(found)
            # A copy: what is set there later makes it another client.
            kept[key] = found, (state, copy.deepcopy(config))
        return found

    client.__doc__, __init__.__doc__ = make.__doc__, begin.__doc__
    session.Session.client, session.Session.__init__ = client, __init__


def _takes_spare(session: Any) -> bool:
    """Whether a session that begins took over the one that the template made."""
    try:
        spare = _spare.pop()
    except IndexError:  # there is none, or another thread was faster
        return False
    return bool(spare.give(session))


def _attributes(client: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a client has, but for what it makes when it is asked for, and its configuration."""
    state = {name: value for name, value in vars(client).items() if name != "_exceptions"}
    return state, vars(client.meta.config)


def _frozen(value: Any) -> Any:
    """Return a value that is equal when arguments are; raises `_Odd` for what cannot be compared so."""
    if value is None or isinstance(value, (str, bytes)):
        return value
    if isinstance(value, (bool, int, float)):
        return type(value).__name__, value  # 1 is True, and means another thing
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise _Odd
        return tuple(sorted(((name, _frozen(one)) for name, one in value.items()), key=lambda item: item[0]))
    given = getattr(value, "_user_provided_options", None)
    if type(value).__name__ == "Config" and isinstance(given, Mapping):
        # With what was set since it was made.
        return ("Config", _frozen(dict(vars(value))))
    if type(value).__name__ == "Unsigned" or repr(type(value)).endswith("UNSIGNED'>"):
        return "unsigned"
    raise _Odd


def _surroundings() -> Any:
    """Return what a client may take from the environment; looked for anew only when something there has changed."""
    # As the environment keeps them: decoding all of it would take longer than the rest.
    found: dict[Any, Any] | None = getattr(os.environ, "_data", None)
    if found is None:
        raise _Odd
    seen, relevant = _last[0]
    if _TRACE in found:
        seen[_TRACE] = found[_TRACE]  # it is another one in each invocation, and no client looks at it
    if found != seen:
        relevant = tuple(item for item in found.items() if item[0].startswith(_RELEVANT))
        _last[0] = dict(found), relevant
    return relevant


_TRACE = b"_X_AMZN_TRACE_ID"
_last: list[tuple[dict[Any, Any], Any]] = [({}, ())]


def _watch(events: Any) -> None:
    """Count the changes to event handlers from now on."""
    events.__dict__[_CHANGES] = 0
    for name in ("register", "register_first", "register_last", "unregister"):
        setattr(events, name, _counting(events, getattr(events, name)))


def _watch_session(events: Any, session: Any) -> None:
    """Count as changes also what a session of botocore is told of its own later on."""
    for name in ("set_credentials", "set_default_client_config", "set_config_variable", "register_component"):
        if hasattr(session, name):
            setattr(session, name, _counting(events, getattr(session, name)))


def _agent(session: Any) -> Any:
    """Return what a session tells of itself in each request."""
    return tuple(getattr(session, f"user_agent_{name}", None) for name in ("name", "version", "extra"))


def _counting(events: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    def changed(*arguments: Any, **options: Any) -> Any:
        events.__dict__[_CHANGES] += 1
        return method(*arguments, **options)

    return changed


def _check_unchanged(events: Any) -> None:
    """Raise `_Odd` when event handlers were changed, or may have been before anyone counted."""
    if getattr(events, "__dict__", {}).get(_CHANGES) != 0:
        raise _Odd
