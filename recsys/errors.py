"""What can go wrong, as a tree.

RecsysError
├── ConfigError   a spec, a setting or an argument says something impossible      exit code 2
├── DataError     a file, a row or a table is not what it should be               exit code 3
├── FitError      a recipe cannot be fitted on this data                          exit code 3
├── GateError     a model did not pass a quality gate                             exit code 4
├── BundleError   a bundle is incomplete, altered or of another format            exit code 5
└── StoreError    a store or a registry cannot be reached or refuses              exit code 5

Every message is a sentence that says what, where and what to do.
"""


class RecsysError(Exception):
    """Root of every error this package raises on purpose."""

    exit_code = 1


class ConfigError(RecsysError):
    """A spec, a setting or an argument says something impossible."""

    exit_code = 2


class DataError(RecsysError):
    """A file, a row or a table is not what it should be."""

    exit_code = 3


class FitError(RecsysError):
    """A recipe cannot be fitted on this data."""

    exit_code = 3


class GateError(RecsysError):
    """A model did not pass a quality gate."""

    exit_code = 4


class BundleError(RecsysError):
    """A bundle is incomplete, altered or of another format."""

    exit_code = 5


class StoreError(RecsysError):
    """A store or a registry cannot be reached or refuses."""

    exit_code = 5
