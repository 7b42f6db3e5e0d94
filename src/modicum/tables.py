"""Tables of names: each kind of part (network, view, loss ...) is looked up by the name a recipe gives.

A part registers itself beside its definition. Its keyword-only parameters are the options that a recipe may set; they are
checked when the recipe is loaded, against the types in the signature, and the bounds where it says Annotated[int, Field(ge=1)].
Its other parameters come from the program.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from modicum.errors import ModicumError

T = TypeVar("T")
_KINDS = ("int", "float", "str", "bool")  # of which pydantic says which one it tried


def nearest(word: str, known: Iterable[str]) -> str:
    """'Did you mean ...?' for a wrong name, or the list of right ones."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(known)}."


def explain(error: ValidationError, known: Iterable[str], where: str) -> ModicumError:
    """The first problem of a pydantic error as one line that names the key and the nearest valid one."""
    first = error.errors()[0]
    named = [part for part in map(str, first["loc"]) if part.replace("_", "").isalnum() and part not in _KINDS]
    key = ".".join([where, *named]).strip(".")
    if first["type"] == "extra_forbidden":
        return ModicumError(f"unknown key '{key}'.", remedy=nearest(str(first["loc"][-1]), known))
    if first["type"] == "missing":
        return ModicumError(f"the key '{key}' is missing.", remedy="Add it to the recipe.")
    return ModicumError(f"'{key}' cannot be {first['input']!r}: {first['msg'].removeprefix('Value error, ')}.")


class Table(Generic[T]):
    """Names of one kind of part, each with its constructor, its options and its source."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._constructors: dict[str, Callable[..., T]] = {}
        self._options: dict[str, type[BaseModel]] = {}
        self.sources: dict[str, str] = {}

    def register(self, name: str, source: str = "") -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Decorator: enter a constructor under a name; `source` cites paper or document."""

        def enter(constructor: Callable[..., T]) -> Callable[..., T]:
            self._constructors[name] = constructor
            self._options[name] = _options_model(name, constructor)
            self.sources[name] = source
            return constructor

        return enter

    def __iter__(self) -> Iterator[str]:
        return iter(self._constructors)

    def describe(self, name: str) -> str:
        """First line of the part's docstring."""
        return (inspect.getdoc(self._constructors[name]) or "").partition("\n")[0]

    def resolve(self, spec: str | Mapping[str, Any]) -> dict[str, Any]:
        """A name, or a mapping with `name` and options, checked and with every default made visible.

        Raises:
            ModicumError: neither of these, an unknown name or option, or a value that the option cannot have.
        """
        if not isinstance(spec, str | Mapping):
            raise ModicumError(
                f"the {self.kind} cannot be {spec!r}: a name is wanted, or a mapping of name and options.",
                remedy=f"Known: {', '.join(sorted(self._constructors))}.",
            )
        options = {"name": spec} if isinstance(spec, str) else dict(spec)
        name = options.pop("name", None)
        if name is None:
            raise ModicumError(
                f"the {self.kind} has options ({', '.join(options)}) and no name.",
                remedy=f"Give the name as well, one of: {', '.join(sorted(self._constructors))}.",
            )
        if not isinstance(name, str) or name not in self._constructors:
            raise ModicumError(f"unknown {self.kind} '{name}'.", remedy=nearest(str(name), self._constructors))
        model = self._options[name]
        try:
            return {"name": name, **model.model_validate(options).model_dump(mode="json")}
        except ValidationError as error:
            raise explain(error, model.model_fields, self.kind) from None

    def build(self, spec: str | Mapping[str, Any], *given: Any) -> T:
        """The part that `spec` describes; `given` are the positional arguments that the program supplies."""
        options = self.resolve(spec)
        return self._constructors[options.pop("name")](*given, **options)


def _options_model(name: str, constructor: Callable[..., Any]) -> type[BaseModel]:
    hints = get_type_hints(constructor.__init__ if inspect.isclass(constructor) else constructor, include_extras=True)
    fields: dict[str, Any] = {}
    for key, parameter in inspect.signature(constructor).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[key] = (hints[key], default)
    return create_model(f"{name}_options", __config__=ConfigDict(extra="forbid"), **fields)
