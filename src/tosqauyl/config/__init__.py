"""One TOML file becomes each room's own frozen options; every mistake at once, with its line."""

from tosqauyl.config.keys import KEYS, Key
from tosqauyl.config.load import Config, HomeNetwork, Http, SipOptions, default_config, load_config

__all__ = [
    "KEYS", "Config", "HomeNetwork", "Http", "Key", "SipOptions", "default_config", "load_config",
]  # fmt: skip
