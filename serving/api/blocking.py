"""Routes that write to a store run in a thread: a store that is slow must not hold up the lists of everybody else."""

from functools import partial

import litestar

delete = partial(litestar.delete, sync_to_thread=True)
get = partial(litestar.get, sync_to_thread=True)
post = partial(litestar.post, sync_to_thread=True)
put = partial(litestar.put, sync_to_thread=True)
