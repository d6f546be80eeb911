"""The programs here made the values beside them, with packages that the project does not need: they are no tests."""

collect_ignore_glob = ["*.py"]
