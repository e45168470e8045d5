"""Settings: environment over credentials.yaml over pipeline_config.yaml over defaults.

Read once at the edge (the command line, a flow); stages take plain arguments. Each block of the
file is a class in a module of this package; a new one is added to `Settings` below, its values to
config/pipeline_config.yaml.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from lake import profile
from lake.errors import UsageError
from lake.files import named
from lake.settings.alerts import Alerts
from lake.settings.base import PROJECT
from lake.settings.cache import Cache
from lake.settings.files import YamlFile
from lake.settings.gold import Gold, Universe, known_data_sets
from lake.settings.lake import Environment, Lake
from lake.settings.maintenance import Maintenance
from lake.settings.mistakes import complaints, unknown_variables
from lake.settings.monitoring import Monitoring
from lake.settings.parquet import Parquet
from lake.settings.processing import Pipeline, Processing
from lake.settings.source import Source

__all__ = ["CONFIG", "PROJECT", "Alerts", "Gold", "Settings", "Universe", "load"]

# The folder of both files; a relative one starts at the current folder.
CONFIG = Path.cwd() / named(os.environ.get("QUANTMINI_CONFIG") or PROJECT / "config")

# An empty one, as in the example of credentials.yaml, is none.
Secret = Annotated[SecretStr | None, BeforeValidator(lambda text: text or None)]


class Settings(BaseSettings):
    """Every setting of the project. Secrets never print."""

    model_config = SettingsConfigDict(
        env_prefix="QUANTMINI_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    lake: Lake = Lake()
    pipeline: Pipeline = Pipeline()
    source: Source = Source()
    processing: Processing = Processing()
    parquet: Parquet = Parquet()
    monitoring: Monitoring = Monitoring()
    gold: Gold = Gold()
    cache: Cache = Cache()
    alerts: Alerts = Alerts()
    maintenance: Maintenance = Maintenance()
    # Which exist is written in the models' YAML, so dbt says when one does not.
    features: Annotated[dict[str, list[str]], AfterValidator(known_data_sets)] = {}
    """Data set → the features that silver computes, others stay null; all of them where a data set
    is not named. docs/features.md has their formulas."""
    s3_access_key_id: Secret = Field(
        default=None, validation_alias=AliasChoices("POLYGON_S3_ACCESS_KEY_ID", "s3_access_key_id")
    )
    """Key of the flat files."""
    s3_secret_access_key: Secret = Field(
        default=None,
        validation_alias=AliasChoices("POLYGON_S3_SECRET_ACCESS_KEY", "s3_secret_access_key"),
    )
    """Its secret."""
    api_key: Secret = Field(
        default=None, validation_alias=AliasChoices("POLYGON_API_KEY", "api_key")
    )
    """Key of the REST API."""

    def limits(self) -> profile.Limits:
        """What a run may use on this machine."""
        return profile.limits(
            self.pipeline.mode,
            max_memory_gb=self.processing.max_memory_gb,
            max_workers=self.processing.max_workers,
            max_concurrent_downloads=self.processing.max_concurrent_downloads,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, strongest first."""
        return (
            init_settings,
            Environment(settings_cls),
            YamlFile(settings_cls, CONFIG / "credentials.yaml"),
            YamlFile(settings_cls, CONFIG / "pipeline_config.yaml"),
        )


def load() -> Settings:
    """Read the settings.

    Raises:
        UsageError: a value does not fit, or a key is unknown; the message names it.
    """
    wrong = unknown_variables(Settings)
    try:
        found = Settings()
    except SettingsError as error:
        # A variable that stands for a list or a block and is not JSON; the text names the block.
        raise UsageError(f"settings: {error}; write it as JSON") from None
    except ValidationError as error:
        wrong += complaints(error, Settings)
    if wrong:
        raise UsageError("settings: " + "; ".join(wrong))
    return found
