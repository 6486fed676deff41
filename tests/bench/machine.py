"""Which machine a figure was measured on, and where the figures are kept."""

import json
import os
import pathlib
import platform
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def line_of(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def machine():
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {"cpu": line_of("/proc/cpuinfo", "model name"), "cores": os.cpu_count(), "memory": line_of("/proc/meminfo", "MemTotal"),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}", "commit": commit.stdout.strip(),
            "load_before": os.getloadavg()[0], "at": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())}


def save(name, figures):
    """build/bench/NAME.json; says where."""
    path = ROOT / "build" / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n")
    print(f"  all figures: {path.relative_to(ROOT)}", flush=True)
