"""Settings: environment over credentials.yaml over pipeline_config.yaml over defaults.

Read once at the edge (the command line, a flow); stages take plain arguments.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from lake.datasets import pick
from lake.errors import UsageError

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = PROJECT / "config"


class Section(BaseModel):
    """A block of the configuration file. A key it does not know is an error."""

    model_config = ConfigDict(extra="forbid")


def _beside_project(root: Path) -> Path:
    """A relative root in the file starts at the project, wherever the command is called."""
    return (PROJECT / root.expanduser()).resolve()


class Lake(Section):
    """Where the data lives."""

    root: Annotated[Path, AfterValidator(_beside_project)] = PROJECT / "quantmini-lake"


def _root_from_env(value: Any) -> Any:
    """QUANTMINI_LAKE holds the root itself; there, a relative one starts at the current folder."""
    return {"root": Path.cwd() / Path(value).expanduser()} if isinstance(value, str) else value


class Pipeline(Section):
    """How hard the machine is used."""

    mode: Literal["adaptive", "streaming", "batch", "parallel"] = "adaptive"


class Source(Section):
    """Where the flat files and the reference data come from."""

    s3_endpoint: str = "https://files.polygon.io"
    bucket: str = "flatfiles"
    api_base: str = "https://api.polygon.io"
    # What the plan allows; None where it sets no limit.
    api_calls_per_minute: int | None = Field(default=None, ge=1)


class Processing(Section):
    """How files are checked and kept."""

    max_bad_share: float = Field(default=0.5, ge=0, le=1)
    keep_landing: bool = True
    # GiB that the loader's process may hold; the system profile's limit by default.
    max_memory_gb: float | None = Field(default=None, gt=0)


class Monitoring(Section):
    """When the loader's memory guard acts, in percent of its limit, and how long it waits."""

    memory_warning_percent: float = Field(default=75, gt=0, le=100)
    memory_critical_percent: float = Field(default=85, gt=0, le=100)
    memory_pause_seconds: float = Field(default=60, ge=0)


def _known_data_sets(by_data_set: dict[str, list[str]]) -> dict[str, list[str]]:
    pick(list(by_data_set))
    return by_data_set


def _free_list_name(name: str) -> str:
    if not re.fullmatch(r"(?!(all|active|top\d+)$)[a-z][a-z0-9_]*", name):
        raise ValueError("a list is named in small letters, and not all, active or top<N>")
    return name


class Universe(Section):
    """Which instruments a Qlib store holds: a list, or the largest by dollar volume."""

    symbols: list[str] = []
    top: int | None = Field(default=None, ge=1)


class Gold(Section):
    """What is exported to Qlib. Day bars of stocks are always exported whole."""

    stocks_minute: Universe = Universe()
    options: Universe = Universe()
    adjustment: Literal["none", "splits", "splits_and_dividends"] = "splits_and_dividends"
    # Data set → its columns that become fields; all numeric ones where it is not named. The export
    # says which exist when one does not.
    fields: Annotated[dict[str, list[str]], AfterValidator(_known_data_sets)] = {}
    # For each N of these, instruments/top<N>.txt names the N largest by dollar volume.
    lists: list[PositiveInt] = [100]
    # List → the vendor's ticker types of the stocks in instruments/<list>.txt.
    types: dict[Annotated[str, AfterValidator(_free_list_name)], list[str]] = {
        "cs": ["CS"],
        "etf": ["ETF", "ETS", "ETV"],
    }

    @field_validator("fields")
    @classmethod
    def _some_field(cls, fields: dict[str, list[str]]) -> dict[str, list[str]]:
        empty = [name for name, columns in fields.items() if not columns]
        if empty:
            raise ValueError(f"no field of {', '.join(empty)} is named; leave it out to get all")
        return fields


class Settings(BaseSettings):
    """Every setting of the project (DESIGN.md section 6). Secrets never print."""

    model_config = SettingsConfigDict(
        env_prefix="QUANTMINI_", env_nested_delimiter="__", extra="forbid", populate_by_name=True
    )

    lake: Annotated[Lake, NoDecode, BeforeValidator(_root_from_env)] = Lake()
    pipeline: Pipeline = Pipeline()
    source: Source = Source()
    processing: Processing = Processing()
    monitoring: Monitoring = Monitoring()
    gold: Gold = Gold()
    # Data set → the features to compute; all of them where a data set is not named. Which exist is
    # written in the models' YAML, so dbt says when one does not.
    features: dict[str, list[str]] = {}
    s3_access_key_id: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("POLYGON_S3_ACCESS_KEY_ID", "s3_access_key_id")
    )
    s3_secret_access_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("POLYGON_S3_SECRET_ACCESS_KEY", "s3_secret_access_key"),
    )
    api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("POLYGON_API_KEY", "api_key")
    )

    @field_validator("features")
    @classmethod
    def _known_data_sets(cls, features: dict[str, list[str]]) -> dict[str, list[str]]:
        pick(list(features))
        return features

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, strongest first."""
        return (
            init_settings,
            env_settings,
            YamlConfigSettingsSource(settings_cls, CONFIG / "credentials.yaml"),
            YamlConfigSettingsSource(settings_cls, CONFIG / "pipeline_config.yaml"),
        )


def load() -> Settings:
    """Read the settings.

    Raises:
        UsageError: a value does not fit, or a key is unknown; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        # A value may be a secret, so only the place and the complaint are shown.
        complaints = [
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors(include_input=False)
        ]
    raise UsageError("settings: " + "; ".join(complaints))
