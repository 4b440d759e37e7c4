"""Trying to use a Ray cluster as somebody would who has no token: prints how it went. A program, since a process can
join one cluster only.

    python -m tests.engine.strangers join|submit ADDRESS
"""

import json
import sys
import urllib.error
import urllib.request


def join(address: str) -> str:
    """Ask the head for what every driver asks first; whoever is answered joins and runs a task."""
    import ray
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    try:
        GcsClient(address=address)
    except ray.exceptions.AuthenticationError:
        return "refused"
    ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
    return str(ray.get(ray.remote(num_cpus=0)(lambda: "got in").remote(), timeout=60))


def submit(url: str) -> str:
    """Post a job, as to the dashboard, or else to a node's agent."""
    job = json.dumps({"entrypoint": "true"}).encode()
    said = []
    for path in ("/api/jobs/", "/api/job_agent/jobs/"):
        request = urllib.request.Request(url + path, data=job, headers={"Content-Type": "application/json"})
        try:
            return f"got in: {urllib.request.urlopen(request, timeout=30).read().decode()}"
        except urllib.error.HTTPError as error:
            said.append(error.code)
    return " ".join(map(str, said))


if __name__ == "__main__":
    print({"join": join, "submit": submit}[sys.argv[1]](sys.argv[2]))
