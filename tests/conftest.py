"""Settings of all tests."""

from hypothesis import settings

# A machine with neighbours is slow at times; what takes long is shown by --durations.
settings.register_profile("hybridx", deadline=None)
settings.load_profile("hybridx")
