"""What a bucket does to a run: errors, slow and torn answers, answers that are lost, another writer."""

import random
from functools import partial

from pipeline.index.store import open_index
from tests.faults.world import DONE, World, WrongError
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


def outage(world: World, chance: random.Random, proxy: FlakyProxy) -> None:
    """From some request on the service has only errors, until the run has given up."""
    skip = chance.randrange(_REQUESTS // 2)
    for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
        proxy.ask("503", method, "/", times=1 << 30, skip=skip)
    world.run(environment=world.environment)
    proxy.calm()


def two_writers_of_a_bucket(world: World, chance: random.Random, proxy: FlakyProxy) -> None:
    """Two runs at once; an answer of one of them is lost as well."""
    proxy.ask("lose answer", "PUT", "/", skip=chance.randrange(_REQUESTS))
    commands = [world.start(environment=world.environment) for _ in range(2)]
    statuses = [command.wait() for command in commands]
    if DONE not in statuses:
        raise WrongError(f"neither writer has worked: {[command.said()[-1000:] for command in commands]}")
    open_index(world.index)


BUCKET = {
    "S3 answers 500": partial(faulty, "500"),
    "S3 answers 503": partial(faulty, "503"),
    "S3 is slow": partial(faulty, "stall"),
    "S3 tears bodies": partial(faulty, "cut body"),
    "S3 loses replies": partial(faulty, "lose answer"),
    "S3 is out": outage,
    "two writers of a bucket": two_writers_of_a_bucket,
}
