#!/usr/bin/env bash
# Everything that BENCHMARKS.md reports, on one H100 or H200, or two for the ranks: about seven minutes.
#   gpu-probe/bench/all.sh FOLDER
# What is measured by time runs alone; each part is written as it is done, and none stops the others.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${1:?a folder for the results}
export PYTHONPATH=gpu-probe:gpu-probe/bench PYTHONUNBUFFERED=1
bench=gpu-probe/bench
cards=$(nvidia-smi --list-gpus | wc -l)
{
  nvidia-smi --query-gpu=name,driver_version,power.limit,clocks.max.sm --format=csv
  nvidia-smi nvlink --status | head -8
  python3 -m gpu_probe doctor
} >"$out/card.txt" 2>&1

gpu_tests() {
  timeout 150 python3 -m pytest -q -p no:cacheprovider -rs gpu-probe/tests/test_cuda.py gpu-probe/tests/test_nvml.py \
    >"$out/tests.txt" 2>&1
  tail -3 "$out/tests.txt"
}
part() {
  local seconds=$1 name=$2
  shift 2
  echo "== $name at ${SECONDS} s"
  timeout "$seconds" python3 "$bench/$name.py" --out "$out/$name.json" "$@" >"$out/part.txt" 2>&1 || tail -15 "$out/part.txt"
}

if [ "$cards" -gt 1 ]; then
  CUDA_VISIBLE_DEVICES=1,0 gpu_tests &
  part 90 truth
  wait
else
  gpu_tests
  part 90 truth
fi
part 200 overhead --budget 14 --others 2.5
traces=$(mktemp -d)
part 190 serving --seconds 120 --trace "$traces/trace.jsonl.gz"
cp "$traces"/short.* "$out"
[ "$cards" -gt 1 ] && part 70 ranks
rm -f "$out/part.txt"
echo "== done at ${SECONDS} s"
