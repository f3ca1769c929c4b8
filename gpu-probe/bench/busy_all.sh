#!/usr/bin/env bash
# The benchmarks of busy time on one H100, in three calls of at most 570 seconds, the most important parts first.
#   gpu-probe/bench/busy_all.sh FOLDER first|second|third
# FOLDER gets CALL.json (all parts' results), CALL.log, and what is to be kept: a recording, coalitions. Each part has its
# own process and seconds, what it found is written at once, and none stops the others; a short table is printed last.
set -uo pipefail
out=$(realpath -m "${1:?a folder for the results}")
cd "$(dirname "$0")/../.."
call=${2:?first, second or third}
# PARTS="generate kernels" runs these alone; DEVICE=cpu is a dry run of those that can.
export PYTHONPATH=$PWD/gpu-probe:$PWD/gpu-probe/bench PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false
python=${PYTHON:-python3} bench=gpu-probe/bench device=${DEVICE:-cuda} limit=${LIMIT:-570}
parts=$(mktemp -d)
log=$out/$call.log
mkdir -p "$out"
: >"$log"

show() { "$python" "$bench/table.py" "$out/$call.json" "$parts"/*.json; }
wanted() { [[ -z ${PARTS:-} || " $PARTS " == *" $1 "* ]]; }
# part NAME SECONDS COMMAND…: runs where there is time for all its seconds.
part() {
  local name=$1 seconds=$2
  shift 2
  wanted "$name" || return 0
  if ((SECONDS + seconds > limit)); then
    echo "== $name: left out, $SECONDS s are over" | tee -a "$log"
    return 0
  fi
  echo "== $name at $SECONDS s" | tee -a "$log"
  timeout -k 5 $((seconds + 8)) "$@" >>"$log" 2>&1 || echo "$name ended with $?" | tee -a "$log"
  show >/dev/null 2>>"$log" || true
}
measure() {
  local name=$1 seconds=$2 script=$3
  shift 3
  part "$name" "$seconds" "$python" "$bench/$script.py" --out "$parts/$name.json" --seconds "$seconds" --device "$device" "$@"
}
about() {
  nvidia-smi --query-gpu=name,driver_version,power.limit,clocks.max.sm,temperature.gpu --format=csv
  "$python" -m gpu_probe doctor
  "$python" -c "import torch, transformers; print(torch.__version__, transformers.__version__)"
}
gpu_tests() {
  "$python" -m pytest -q -p no:cacheprovider -rs gpu-probe/tests/test_cuda.py gpu-probe/tests/test_nvml.py \
    gpu-probe/tests/test_transformers.py gpu-probe/tests/test_transformers_real.py \
    gpu-probe/tests/test_transformers_batching.py gpu-probe/tests/test_transformers_serve.py >"$out/tests.txt" 2>&1
}
export -f gpu_tests about
export python out

case $call in
first)
  part about 20 bash -c about
  measure generate 130 busy --check generate
  measure kernels 140 kernels
  measure graphs 65 busy --check graphs
  measure unmetered 85 busy --check unmetered
  measure gpm 60 gpm
  measure recording 75 recording --trace "$out/h100-busy-trace.jsonl.gz"
  ;;
second)
  part overhead 150 "$python" "$bench/overhead.py" --out "$parts/overhead.json" --budget 10 --others 0
  measure generate_cost 75 generate_cost
  measure answer 60 answer
  measure node 105 node_duty
  part serving 105 "$python" "$bench/serving.py" --out "$parts/serving.json" --trace "$parts/trace.jsonl.gz" --seconds 30
  part tests 150 bash -c gpu_tests
  [[ -f $out/tests.txt ]] && tail -3 "$out/tests.txt"
  ;;
third)
  measure permutations 170 permutations --cases "$out/h100-large-batch-coalitions.json"
  ;;
*)
  echo "the second argument is first, second or third, not $call" >&2
  exit 2
  ;;
esac
echo "== done at $SECONDS s" | tee -a "$log"
show
rm -rf "$parts"
