"""One extension is one file with ``@register(name)``, found by name."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from recsys.errors import ConfigError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Names to extensions of one kind; the files of ``package`` are imported when they are asked for."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._found = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: file the decorated object under ``name``; a name is given once."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ConfigError(f"Two {self.kind}s are registered as {name!r}; rename one of them.")
            self._entries[name] = entry
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            self._find_one(name)
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(sorted(self._entries))
            raise ConfigError(f"There is no {self.kind} {name!r}; known are: {known}.") from None

    def __iter__(self) -> Iterator[str]:
        self._find()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._find()
        return len(self._entries)

    def _find_one(self, name: str) -> None:
        # A worker that serves one kind of model should not pay for the imports of all the others.
        module = f"{self._package}.{name}"
        if name.isidentifier() and importlib.util.find_spec(module) is not None:
            importlib.import_module(module)
        if name not in self._entries:
            self._find()

    def _find(self) -> None:
        if not self._found:
            self._found = True
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self._package}.{module.name}")
