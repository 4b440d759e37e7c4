"""What a bucket does to a run: errors, slow and torn answers, answers that are lost, times without any; two writers."""

import random
import time
from functools import partial

from tests.faults.world import DONE, World, WrongError, check_words
from tests.index.flaky_proxy import Fault, FlakyProxy

_REQUESTS = 120
"""About as many as a run makes."""


def faulty(fault: Fault, world: World, chance: random.Random, proxy: FlakyProxy) -> None:
    """Some requests of a run go wrong, all over it; a retry has to do."""
    for _ in range(chance.randint(1, 6)):
        skip = chance.randrange(_REQUESTS)
        proxy.ask(fault, chance.choice(("GET", "PUT")), "/", times=chance.choice((1, 1, 2)), skip=skip)
    run = world.run(environment=world.environment)
    if run.wait() != DONE:
        raise WrongError(f"single {fault} must not end a run: {run.said()[-2000:]}")


def away(world: World, chance: random.Random, proxy: FlakyProxy) -> None:
    """From some request on the bucket answers 503 for good; the run ends, in words."""
    for method in ("GET", "PUT"):
        proxy.ask("503", method, "/", times=1_000_000, skip=chance.randrange(_REQUESTS // 2))
    world.run(environment=world.environment)


def two_writers(world: World, chance: random.Random, _: FlakyProxy) -> None:
    """Two runs at once: one works, the other says so, or both, one after the other."""
    first = world.start(environment=world.environment)
    time.sleep(chance.random() * 4)
    second = world.start(*chance.choice(((), ("--wait", "100"))), environment=world.environment)
    for command in (first, second):
        command.wait()
        check_words(command)


BUCKET = {
    "S3 answers 500": partial(faulty, "500"),
    "S3 answers 503": partial(faulty, "503"),
    "S3 is slow": partial(faulty, "stall"),
    "S3 tears bodies": partial(faulty, "cut body"),
    "S3 loses replies": partial(faulty, "lose answer"),
    "S3 does not answer": partial(faulty, "hang"),
    "S3 is away": away,
    "S3 has two writers": two_writers,
}
