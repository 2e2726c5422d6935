"""Lets a Python process answer requests: one line of JSON in, one line of JSON out, with the time that the work took."""

import json
import os
import sys
import time
import traceback


def memory_mb():
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


def answer(handlers):
    """Answers requests such as {"do": "detect", "file": "a.jpg"} until the input ends. handlers: functions by the request's `do`."""
    # Libraries that print must not disturb the answers.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    out.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        try:
            request = json.loads(line)
            if request["do"] == "memory":
                out.write(json.dumps({"result": memory_mb()}) + "\n")
                continue
            cpu, start = time.process_time(), time.perf_counter()
            result = handlers[request["do"]](request)
            ms, cpu_ms = (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3
            out.write(json.dumps({"result": result, "ms": ms, "cpuMs": cpu_ms}) + "\n")
        except Exception:
            out.write(json.dumps({"error": traceback.format_exc(limit=4)}) + "\n")
