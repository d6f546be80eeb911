"""Run many: one process, a local pool or Dask; write whole or not at all; name results by content."""

from hybridx._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Checkpoint": "checkpoint",
        "TaskError": "results",
        "TaskResult": "results",
        "atomic_folder": "atomic",
        "atomic_write": "atomic",
        "content_hash": "hashing",
        "duration": "bars",
        "ensure_writable": "atomic",
        "map_tasks": "tasks",
        "one_thread": "threads",
        "progress": "bars",
    },
)
