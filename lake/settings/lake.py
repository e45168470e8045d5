"""Where the data lives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from lake.files import named
from lake.layout import Layout
from lake.settings.base import PROJECT, Section
from lake.shared import Bucket, Shared, checked_catalog, checked_data_path


def _beside_project(root: Path) -> Path:
    """A relative root in the file starts at the project, wherever the command is called.

    One with an asterisk, a question mark or a bracket would be a pattern to DuckDB.
    """
    whole = (PROJECT / named(root)).resolve()
    if unfit := {*"*?["} & {*str(whole)}:
        raise ValueError(f"its path cannot hold {' '.join(sorted(unfit))}; choose another folder")
    return whole


class Lake(Section):
    """Where the data lives.

    All but `root` is for a lake that several machines share (docs/scaling.md).
    """

    root: Annotated[Path, AfterValidator(_beside_project)] = PROJECT / "quantmini-lake"
    """The lake's folder. A relative path starts at the project's folder. The variable
    QUANTMINI_LAKE holds it too; there a relative path starts at the current folder. The path
    holds none of `* ? [`."""
    catalog: Annotated[SecretStr, AfterValidator(checked_catalog)] | None = None
    """The PostgreSQL database of a shared catalog, `postgresql://user:password@host:5432/database`;
    by default `metadata/catalog.sqlite` in the root. It holds a secret, so rather in
    credentials.yaml."""
    data_path: Annotated[str, AfterValidator(checked_data_path)] | None = None
    """Where a shared catalog keeps silver's files, `s3://bucket/prefix`; by default the root."""
    s3_endpoint: str | None = Field(default=None, pattern=r"^https?://[^/]+$")
    """URL of the server that has the bucket of `data_path`; by default Amazon's."""
    s3_region: str = "us-east-1"
    """Its region."""
    s3_access_key_id: SecretStr | None = None
    """Key of that bucket, which is not the one of the flat files."""
    s3_secret_access_key: SecretStr | None = None
    """Its secret."""

    @model_validator(mode="after")
    def _whole(self) -> Lake:
        """A catalog that others read names files that others have to reach."""
        if (self.catalog is None) != (self.data_path is None):
            raise ValueError("catalog and data_path belong together: set both, or neither")
        if self.data_path and not (self.s3_access_key_id and self.s3_secret_access_key):
            raise ValueError("data_path needs s3_access_key_id and s3_secret_access_key")
        return self

    def layout(self) -> Layout:
        """Every place of this lake."""
        if self.catalog is None or self.data_path is None:
            return Layout(self.root)
        assert self.s3_access_key_id and self.s3_secret_access_key  # noqa: S101 - validated
        bucket = Bucket(
            self.data_path,
            self.s3_endpoint,
            self.s3_region,
            self.s3_access_key_id,
            self.s3_secret_access_key,
        )
        return Layout(self.root, Shared(self.catalog, bucket))


class Environment(EnvSettingsSource):
    """Environment variables; QUANTMINI_LAKE is the root itself, beside QUANTMINI_LAKE__CATALOG."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Where it is the root, a relative one starts at the current folder."""
        if field_name == "lake":
            return {"root": Path.cwd() / named(value)}
        return super().decode_complex_value(field_name, field, value)
