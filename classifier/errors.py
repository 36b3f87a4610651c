"""The errors this package raises on purpose; the command line prints them as one line."""

__all__ = ["BadInputError", "ClassifierError", "CorpusError", "ModelError", "SettingsError"]


class ClassifierError(Exception):
    """Something the user can mend; the message says what, where, and what to do."""


class BadInputError(ClassifierError):
    """A file or a row that cannot be read as articles."""


class CorpusError(ClassifierError):
    """A corpus that cannot be fetched, joined with its labels or trained on."""


class SettingsError(ClassifierError):
    """A setting that does not exist or has a value out of range."""


class ModelError(ClassifierError):
    """A model folder that cannot be trusted or does not fit what is asked of it."""
