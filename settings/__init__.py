"""One typed settings file per environment: the only place that is edited to deploy."""

from settings.model import Settings
from settings.reading import SettingsError, environments, read

__all__ = ["Settings", "SettingsError", "environments", "read"]
