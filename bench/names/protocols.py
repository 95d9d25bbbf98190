"""What every estimator and every task must be; a plug-in that is not gets told what it lacks."""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.errors import UsageError


@dataclass(frozen=True)
class Protocol:
    """An abstract class, with what Python does not ask of its subclasses.

    Attributes:
        module: where it is; imported only when it is needed.
        name: of the class.
        declared: attributes that a class must have, and how one is written.
        built: attributes that a constructor must set.
    """

    module: str
    name: str
    declared: Mapping[str, str] = field(default_factory=dict)
    built: tuple[str, ...] = ()

    def require_class(self, what: str, found: Any) -> None:
        """Raise UsageError where `found`, called `what` in the sentence, is no complete subclass."""
        if not inspect.isclass(found) or not issubclass(
            found, getattr(importlib.import_module(self.module), self.name)
        ):
            raise UsageError(f"{what} is not a subclass of {self.name}: derive it from {self.module}.{self.name}")
        if missing := sorted(getattr(found, "__abstractmethods__", ())):
            raise UsageError(
                f"{what} does not define {' and '.join(missing)}, which {self.name} leaves to its subclasses"
            )
        for attribute, example in self.declared.items():
            value = getattr(found, attribute, None)
            if not value or isinstance(value, str):
                raise UsageError(f"{what} does not declare {attribute}: write {example} in the class")

    def require_instance(self, what: str, made: object) -> None:
        """Raise UsageError where the constructor of `made` left something out."""
        missing = [attribute for attribute in self.built if getattr(made, attribute, None) is None]
        if missing:
            raise UsageError(f"{what} has no {' and no '.join(missing)}: its constructor must set self.{missing[0]}")


ESTIMATOR: Final = Protocol("estimators.base", "Estimator", declared={"targets": 'targets = ("elbo",)'})
TASK: Final = Protocol("tasks.base", "Task", built=("guide", "model"))
