"""The programs here made the values beside them, with packages that the project does not need: none of them is a test."""

collect_ignore_glob = ["*.py"]
