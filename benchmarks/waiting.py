"""What it costs when threads spin while they wait for each other, on cores that others use too.

    python -m benchmarks.waiting [--rounds 3] [--threads 2]

Each round starts a process for each way of waiting, which reads the same pixels with the network
of `segmentation`, then with that of `layers`. Printed: medians, and how many times as fast as
torch by default. What else the machine does is stated as its load; on an idle one there is little
to see.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict

import torch

from benchmarks.runtimes import CPU, channels_last, trained
from workers.layers.model import WEIGHTS_FILE
from workers.layers.network import build
from workers.learning.serving import for_answers
from workers.segmentation.model import SEGMENTER_FILE
from workers.segmentation.network import DeepLab

WAYS = {
    "threads spin (default)": {},
    "threads sleep (OMP_WAIT_POLICY=PASSIVE)": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"THREADS": "1"},
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        print(json.dumps(read(int(os.environ["THREADS"]))))
        return
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(given.rounds):
        for way, variables in WAYS.items():
            environment = {**os.environ, "THREADS": str(given.threads), **variables}
            command = [sys.executable, "-m", "benchmarks.waiting", "--child"]
            out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
            for name, seconds in json.loads(out.stdout).items():
                found[name][way].append(seconds)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {given.threads} threads\n")
    print("| network | threads | ms | times as fast |")
    print("|---|---|---|---|")
    for name, ways in found.items():
        medians = {way: statistics.median(values) for way, values in ways.items()}
        first = next(iter(medians.values()))
        for way, median in medians.items():
            print(f"| {name} | {way} | {1000 * median:.0f} | {first / median:.1f} |")


def read(threads: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    networks = {
        "segmentation": (trained(DeepLab(), "segmentation", SEGMENTER_FILE), (1, 3, 256, 256)),
        "layers": (trained(build(), "layers", WEIGHTS_FILE), (1, 1, 368, 864)),
    }
    found = {}
    for name, (network, shape) in networks.items():
        run, pixels = (
            channels_last(for_answers(network, CPU), torch.empty(0), threads),
            torch.rand(shape),
        )
        run(pixels)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            run(pixels)
            seconds.append(time.perf_counter() - start)
        found[name] = statistics.median(seconds)
    return found


if __name__ == "__main__":
    main()
