"""A production variant: one model, served by a number of instances."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local.endpoints.connection import Answer, BrokenError, Request
from local.endpoints.connections import UnreachableError
from local.endpoints.errors import DeploymentError, InvocationError, unavailable
from local.endpoints.instance import Instance
from local.endpoints.specification import Specification
from local.endpoints.timing import Timing
from local.objects import ObjectStore

_SETTLE = 0.05  # for a request that was just given to an instance and is not counted yet
_UNREACHABLE_PAUSE = 0.02  # until the end of a process is noticed by the thread that watches it


@dataclass(frozen=True)
class Place:
    """Where an endpoint's containers live: their folders, their logs, the objects that they load."""

    objects: ObjectStore
    folder: Path
    logs: Path


class Variant:
    """Instances that serve one model.

    Attributes:
        name: the variant's name.
        specification: its container.
        weight: its share of the traffic is this over the sum of all variants' weights.
        desired: the number of instances that it should have.
        instances: those that take requests, started or starting.
        left: whether it went out of service for good, so that nobody need wait for an instance of it.

    """

    def __init__(
        self,
        name: str,
        specification: Specification,
        place: Place,
        timing: Timing,
        *,
        weight: float,
        desired: int,
        threads: int = 1,
        persistent: bool = False,
    ):
        self.name = name
        self.specification = specification
        self.weight = weight
        self.desired = desired
        self.instances: tuple[Instance, ...] = ()
        self.left = False
        self._place = place
        self._timing = timing
        self._threads = threads
        self._persistent = persistent
        self._leaving: list[Instance] = []
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = set()
        self._changed = threading.Condition()

    # --- instances ------------------------------------------------------------------------------------

    @property
    def ready_count(self) -> int:
        """How many instances answer."""
        return sum(instance.ready for instance in self.instances)

    @property
    def can_serve(self) -> bool:
        """Whether a request would be answered, sooner or later."""
        return bool(self.instances)

    @property
    def restarts(self) -> int:
        """How often an instance died."""
        return sum(instance.restarts for instance in self.instances)

    @property
    def failure(self) -> str:
        """Why an instance cannot be brought into service, or ""."""
        return next((instance.failure for instance in self.instances if instance.failure), "")

    @property
    def hopeless(self) -> bool:
        """Whether there are instances, and none of them will ever answer."""
        return bool(self.instances) and all(instance.failure for instance in self.instances)

    @property
    def last_death(self) -> str:
        """Why an instance died the last time, or ""."""
        return next((instance.last_death for instance in self.instances if instance.last_death), "")

    def scale(self, count: int) -> None:
        """Start instances, or take some out of the traffic, until there are `count`; return at once."""
        with self._lock:
            kept, surplus = self.instances[:count], self.instances[count:]
            fresh = tuple(self._instance() for _ in range(count - len(kept)))
            self.instances = kept + fresh
            self._leaving.extend(surplus)
        for instance in fresh:
            instance.start()

    def _instance(self) -> Instance:
        return Instance(
            self.specification,
            self._place.objects,
            self._place.folder / self.name,
            self._place.logs / f"{self.name}.log",
            self._timing,
            threads=self._threads,
            persistent=self._persistent,
            changed=self.wake,
        )

    def wait_until_ready(self, given_up: Callable[[], bool]) -> None:
        """Wait until all instances answer /ping.

        Raises:
            DeploymentError: one never will, or `given_up`.

        """
        with self._changed:
            while not all(instance.ready for instance in self.instances):
                if self.failure:
                    raise DeploymentError(
                        f"The primary container for production variant {self.name} did not pass the ping "
                        f"health check: {self.failure}"
                    )
                if given_up():
                    raise DeploymentError(f"the start of production variant {self.name} was given up")
                self._changed.wait(0.1)

    def retire(self, drain: float) -> None:
        """Stop the instances that were taken out, once idle or after `drain` seconds; wait for their end."""
        with self._lock:
            leaving, self._leaving = self._leaving, []
        if leaving and drain:
            time.sleep(_SETTLE)
        deadline = time.monotonic() + drain
        for instance in leaving:
            while instance.outstanding and time.monotonic() < deadline:
                time.sleep(0.01)
            instance.stop()
        for instance in leaving:
            instance.join()

    def leave(self) -> None:
        """Go out of service: what waits for an instance fails at once, and what breaks is not tried again."""
        self.left = True
        self.wake()

    def stop(self, drain: float) -> None:
        """Stop all instances."""
        self.scale(0)
        self.retire(drain)

    # --- requests -------------------------------------------------------------------------------------

    def ready_instance(self) -> Instance | None:
        """Return the ready instance with the fewest requests under way, or None."""
        best: Instance | None = None
        for instance in self.instances:
            if instance.ready and (best is None or instance.outstanding < best.outstanding):
                best = instance
        return best

    async def exchange(self, request: Request, timeout: float) -> Answer:
        """Send a whole HTTP request to an instance; wait for one while none is ready.

        Raises:
            InvocationError: ServiceUnavailable: none became ready in time, the instance died meanwhile, or
                the variant went out of service.
            TimeoutError: the container did not answer in time.

        """
        deadline, again = time.monotonic() + timeout, False
        while True:
            instance = self.ready_instance()
            if instance is None:
                instance = await self._wait_for_instance(deadline, timeout)
            instance.outstanding += 1
            deaths = instance.deaths
            try:
                return await instance.exchange(request, deadline)
            except UnreachableError as error:
                if time.monotonic() > deadline:
                    raise unavailable(f"variant {self.name} cannot be reached: {error}") from None
            except BrokenError as error:
                failure = await self._broken(instance, deaths, error)
                if again or not error.idle or self.left or instance.deaths != deaths:
                    raise failure from None
                again = True
            finally:
                instance.outstanding -= 1
            await asyncio.sleep(_UNREACHABLE_PAUSE)

    async def _broken(self, instance: Instance, deaths: int, error: BrokenError) -> Exception:
        """Return the error of a request whose connection broke; `deaths` as before the request."""
        for _ in range(25):  # the reason is known once the end of the process has been noticed
            if self.left:
                return self._gone()
            if instance.deaths != deaths:
                break
            await asyncio.sleep(_UNREACHABLE_PAUSE)
        reason = instance.last_death if instance.deaths != deaths else str(error)
        return unavailable(f"the instance of variant {self.name} failed during the request: {reason}")

    async def _wait_for_instance(self, deadline: float, timeout: float) -> Instance:
        loop = asyncio.get_running_loop()
        while (instance := self.ready_instance()) is None:
            if self.left:
                raise self._gone()
            if self.hopeless:
                raise unavailable(f"variant {self.name} has no instance: {self.failure}")
            left = deadline - time.monotonic()
            if left <= 0:
                raise unavailable(
                    f"variant {self.name} has had no instance that answers for {timeout:g} seconds"
                    + (f": {self.last_death}" if self.last_death else "")
                )
            waiter = (loop, loop.create_future())
            self._waiting.add(waiter)
            try:
                if self.ready_instance() is None and not (self.left or self.hopeless):
                    await asyncio.wait([waiter[1]], timeout=left)
            finally:
                self._waiting.discard(waiter)
        return instance

    def _gone(self) -> InvocationError:
        return unavailable(
            f"variant {self.name} went out of service before it had answered: send the request again, unless "
            "its endpoint was deleted"
        )

    def wake(self) -> None:
        """Let what waits look again; called from any thread."""
        with self._changed:
            self._changed.notify_all()
        for loop, future in tuple(self._waiting):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, future)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
