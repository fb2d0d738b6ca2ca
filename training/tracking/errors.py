"""MLflow's errors as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException

from recsys.errors import StoreError


@contextmanager
def told(uri: str) -> Iterator[None]:
    """What MLflow cannot do becomes a sentence."""
    try:
        yield
    except (MlflowException, OSError) as error:
        first = str(error).strip().splitlines()[0].replace(uri, place_of(uri))
        raise StoreError(f"MLflow at {place_of(uri)} refuses or cannot be reached: {first}") from None


def place_of(uri: str) -> str:
    """A tracking URI without its user and password, for messages."""
    scheme, mark, rest = uri.partition("://")
    return f"{scheme}{mark}{rest.rsplit('@', 1)[-1]}"
