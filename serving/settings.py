"""Settings of serving: ``RECSYS_…`` in the environment, then ``recsys.toml``, then the defaults here."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import InitSettingsSource

from recsys.errors import ConfigError
from recsys.safety.signing import key_id
from serving.roles import ROLES

FILE = "recsys.toml"
CONTROL_SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")
STATE_SCHEMES = ("sqlite", "redis", "rediss", "unix")
ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
PEOPLE_RATES = {"editor": 50.0, "safety": 50.0, "metrics": 10.0, "admin": 50.0}


class Settings(BaseSettings):
    """How this installation serves. A value that cannot be is a ConfigError that names it.

    ``policy`` is a pack's name or a file, in force as long as none is published; None is decided from whether the
    lake's items have labels. ``policy_keys`` are public keys whose packs may be published, beside those of the control
    store; ``policy_unsigned`` lets unsigned ones be published, for development.
    ``control_url`` and ``state_url`` are None for SQLite files under ``var``; ``lake`` is None for ``var/lake``.
    ``rates`` are requests a second for each key of a role, on each worker; a role without one is not limited.
    """

    model_config = SettingsConfigDict(env_prefix="RECSYS_", env_ignore_empty=True, extra="forbid", frozen=True)

    var: Path = Path("var")
    bundle: Path | None = None
    policy: str | None = None
    policy_keys: tuple[str, ...] = ()
    policy_unsigned: bool = False
    control_url: str | None = None
    state_url: str | None = None
    lake: str | None = None
    clock: Literal["system", "events"] = "system"
    production: bool = False
    host: str = "0.0.0.0"  # noqa: S104 - a service in a container is reached from outside; keys guard every route
    port: int = Field(3000, ge=1, le=65_535)
    workers: int = Field(1, ge=0, le=1024)  # processes; 0 is one a core
    max_body_bytes: int = Field(1_000_000, ge=1_000)
    max_history: int = Field(200, ge=1)
    events_drain_seconds: float = Field(30.0, gt=0)
    decisions_days: float = Field(183.0, gt=0)  # how long decision logs are kept: 6 months (CSL 21)
    rates: Annotated[Mapping[str, float], NoDecode] = PEOPLE_RATES
    list_seconds: float = Field(2.0, gt=0)
    request_seconds: float = Field(
        8.0, gt=0, lt=10
    )  # below the framework's own timeout, which knows no problem document
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    log_requests: Literal["none", "failed", "all"] = "failed"

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(" ".join(_sentence(mistake) for mistake in error.errors())) from None

    def control_location(self) -> str | Path:
        """Where the control store is: a URL or a file's path."""
        return self.var / "control.db" if self.control_url is None else self.control_url

    def state_location(self) -> str | Path:
        """Where user state is: a URL or a file's path."""
        return self.var / "state.db" if self.state_url is None else self.state_url

    @property
    def remote(self) -> bool:
        """Whether a store is reached over a network."""
        urls = (self.control_url or "", self.state_url or "")
        return any("://" in url and not url.startswith("sqlite") for url in urls)

    @property
    def processes(self) -> int:
        """How many workers there are to be: ``workers``, or one for each core that this process may run on."""
        return self.workers or (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )

    def jobs_location(self) -> Path:
        """The file of queued background work."""
        return self.var / "jobs.db"

    def decisions_folder(self) -> Path:
        """Where this node's decision log lies."""
        return self.var / "decisions"

    def lake_location(self) -> str | None:
        """The lake, ``var/lake`` where that folder exists, else None."""
        if self.lake is not None:
            return self.lake
        default = self.var / "lake"
        return str(default) if default.is_dir() else None

    @field_validator("control_url")
    @classmethod
    def _control(cls, value: str | None) -> str | None:
        return _schemed(value, CONTROL_SCHEMES, "postgresql://USER@HOST/DATABASE")

    @field_validator("state_url")
    @classmethod
    def _state(cls, value: str | None) -> str | None:
        return _schemed(value, STATE_SCHEMES, "redis://HOST:PORT/DB")

    @field_validator("rates", mode="before")
    @classmethod
    def _rates(cls, value: object) -> object:
        return _by_role(value) if isinstance(value, str) else value

    @field_validator("rates")
    @classmethod
    def _limits(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for role, rate in value.items():
            if role not in ROLES or not rate > 0:
                raise ValueError(f"write ROLE=REQUESTS A SECOND above 0 for the roles {', '.join(ROLES)}")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _exact(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin; write exact ones, as https://www.example.org")
        return value

    @model_validator(mode="after")
    def _signed_policies(self) -> "Settings":
        if self.production and self.policy_unsigned:
            raise ConfigError("policy_unsigned = true is for development; in production publish signed policy packs.")
        for key in self.policy_keys:
            key_id(key)
        return self

    @model_validator(mode="after")
    def _true_time(self) -> "Settings":
        if self.production and self.clock == "events":
            raise ConfigError(
                'clock = "events" follows replayed logs, so rights and takedowns would run on their time; '
                "in production use the system clock."
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file of the working directory."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _read(Path(FILE)))


def _read(path: Path) -> dict[str, Any]:
    """The plain keys of the file; its tables belong to other parts of the product."""
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path.absolute()} cannot be read as TOML: {error}. Correct or remove it.") from None
    return {name: value for name, value in values.items() if not isinstance(value, dict)}


def _by_role(text: str) -> dict[str, float]:
    """``platform=500,editor=20`` as a table; it replaces the default whole."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return {role.strip(): float(rate or "nan") for role, _, rate in pairs}


def _schemed(value: str | None, known: tuple[str, ...], example: str) -> str | None:
    if value is not None and "://" in value and value.split("://", 1)[0] not in known:
        raise ValueError(f"the scheme is not one of {', '.join(known)}; write {example} or the path of a file")
    return value


def _sentence(mistake: Any) -> str:
    name = ".".join(str(part) for part in mistake["loc"])
    message = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        return f"There is no setting {name!r}; correct or remove it in {FILE}."
    shown = "" if name.endswith("_url") else f" = {mistake['input']!r}"  # a URL may hold a password
    return f"The setting {name}{shown} (RECSYS_{name.upper()} or {FILE}) is not possible: {message}."
