"""What a bucket does to a run: errors, slow and torn answers, answers that are lost."""

import random
from functools import partial

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


BUCKET = {
    "S3 answers 500": partial(faulty, "500"),
    "S3 answers 503": partial(faulty, "503"),
    "S3 is slow": partial(faulty, "stall"),
    "S3 tears bodies": partial(faulty, "cut body"),
    "S3 loses replies": partial(faulty, "lose answer"),
}
