"""What can be wrong with a stored model.

RegistryError
├── ModelMissingError
├── ModelDamagedError
└── ModelRefusedError
"""


class RegistryError(Exception):
    """A model cannot be stored or read; the message says which one, where and what would help."""


class ModelMissingError(RegistryError):
    """There is no model, version or alias of that name."""


class ModelDamagedError(RegistryError):
    """A file of a model is not what was written."""


class ModelRefusedError(RegistryError):
    """A model file names what no model of ours consists of, or is larger than any of ours."""
