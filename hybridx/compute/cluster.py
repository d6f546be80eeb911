"""The Dask engine: the same tasks on a cluster that the user brings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from hybridx.compute.results import TaskError, TaskResult
from hybridx.errors import SettingsError

try:
    import distributed
except ImportError:  # the extra "cluster" is not installed; run_dask says so when it is asked for
    distributed = None

__all__ = ["run_dask"]

Job = tuple[int, str, Any]
Work = Callable[[str, Any], TaskResult]


def run_dask(work: Work, jobs: list[Job], client: Any) -> Iterator[tuple[int, TaskResult]]:
    """Run on a Dask cluster; a task whose worker is lost is tried once more elsewhere.

    Raises
    ------
    SettingsError
        Dask is not installed, or there is no client.
    """
    if distributed is None:
        msg = "engine='dask' needs the extra 'cluster': pip install 'hybridx[cluster]'."
        raise SettingsError(msg)
    with contextlib.ExitStack() as stack:
        session = _client(client, stack)
        futures = {
            session.submit(work, key, item, pure=False, retries=1): (index, key) for index, key, item in jobs
        }
        for future in distributed.as_completed(futures, raise_errors=False):
            index, key = futures[future]
            yield index, _outcome(future, key)
            future.release()


def _client(client: Any, stack: contextlib.ExitStack) -> Any:
    if isinstance(client, str):
        return stack.enter_context(distributed.Client(client, set_as_default=False))
    if client is not None:
        return client
    try:
        return distributed.get_client()
    except ValueError:
        msg = (
            "engine='dask' needs a cluster: give client=distributed.Client(...) or a scheduler's address "
            "such as client='tcp://host:8786'."
        )
        raise SettingsError(msg) from None


def _outcome(future: Any, key: str) -> TaskResult:
    if future.status == "finished":
        result = future.result()
        return result if isinstance(result, TaskResult) else TaskResult(key, result)
    error = future.exception()
    return TaskResult(
        key,
        error=TaskError.of(error) if error is not None else TaskError(future.status, "no result"),
    )
