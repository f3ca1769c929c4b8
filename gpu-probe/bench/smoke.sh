#!/usr/bin/env bash
# What this card can do and whether the probe works on it: doctor, then the tests that need a GPU.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PYTHONPATH=gpu-probe:gpu-probe/bench PYTHONUNBUFFERED=1
python3 -m gpu_probe doctor
timeout 240 python3 -m pytest -q -p no:cacheprovider -m gpu gpu-probe/tests/test_cuda.py
