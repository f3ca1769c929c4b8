"""A probe beside an independent reader of the card's counter, and transformers' ``generate`` as the work."""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch
from card_counter import CardCounter

from gpu_probe import Probe

# The card is idle at the edges of a window, so that it does not matter when the counter's values change.
IDLE_S = 0.4
# Rows and prompt tokens of a call of ``generate``.
TALKS = {"short": (1, 32), "long": (2, 1024), "batch": (8, 128)}
NEW_TOKENS = 32


def wait_for(device):
    if device == "cuda":
        torch.cuda.synchronize()


class Measured:
    """``window`` brackets a phase; after ``close`` the records are there: ``sums`` adds them up."""

    def __init__(self, device, **probe_options):
        self.device = device
        self.state = Path(tempfile.mkdtemp(prefix="gpu-probe-bench-"))
        self.counter = CardCounter(device)
        self.windows, self.events, self.totals, self.counts = {}, [], [], []
        wait_for(device)
        time.sleep(IDLE_S)
        self.counter.mark("whole-begin")
        self.probe = Probe(device, state_dir=self.state, **probe_options)

    @contextlib.contextmanager
    def window(self, name):
        wait_for(self.device)
        time.sleep(IDLE_S)
        self.counter.mark(f"{name}-begin")
        begin = time.monotonic_ns()
        yield
        wait_for(self.device)
        worked = time.monotonic_ns() - begin
        time.sleep(IDLE_S)
        self.counter.mark(f"{name}-end")
        self.windows[name] = {"worked_ns": worked, **self.counter.window(f"{name}-begin", f"{name}-end")}

    def close(self):
        wait_for(self.device)
        self.probe.close(30)
        self.counts = self.probe.counts()
        time.sleep(IDLE_S)
        self.counter.mark("whole-end")
        self.windows["whole"] = self.counter.window("whole-begin", "whole-end")
        self.counter.close()
        records = inspect(self.state / "wal" / "0")
        self.events = [record for record in records if "session_id" in record]
        self.totals = [record for record in records if "totals_id" in record]
        shutil.rmtree(self.state, ignore_errors=True)

    def sums(self, project_id=None, user_id=None):
        """What the events of sessions say, of one phase or thread."""
        events = [
            event
            for event in self.events
            if event["phase"] == "inference"
            and project_id in (None, event["project_id"])
            and user_id in (None, event["user_id"])
        ]
        return {
            "events": len(events),
            "sessions": len({event["session_id"] for event in events}),
            "elapsed_ns": sum(int(event["gpu_time_ns"]) for event in events),
            "busy_ns": sum(int(event["gpu_busy_ns"] or 0) for event in events),
            "busy_quality": sorted({event["busy_quality"] for event in events}),
            "steps": sum(int(event["batch_steps"]) for event in events),
        }

    def balance(self):
        """Sessions, operator and unmetered over the probe's whole life, beside the reader's window."""
        operator = [event for event in self.events if event["phase"] != "inference"]
        parts = {
            "sessions_busy_ns": self.sums()["busy_ns"],
            "operator_busy_ns": sum(int(event["gpu_busy_ns"] or 0) for event in operator),
            "unmetered_ns": sum(int(total["unmetered_ns"] or 0) for total in self.totals),
        }
        return {
            **parts,
            "parts_ns": sum(parts.values()),
            "unmetered_is_known": all(total["unmetered_ns"] is not None for total in self.totals),
            "totals_busy_ns": sum(int(total["busy_ns"] or 0) for total in self.totals),
            "busy_quality": sorted({record["busy_quality"] for record in self.events + self.totals}),
            "unmetered_processes": sorted({total["unmetered_processes"] or "" for total in self.totals}),
            "counter": self.windows["whole"],
            "counts": self.counts,
        }


def inspect(log):
    """The records of a write-ahead log, as ``gpu-probe inspect`` shows them."""
    command = [sys.executable, "-m", "gpu_probe", "inspect", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def make_llama(device, layers=8, width=1536):
    """Random weights; ``generate`` never ends before it must."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    # cuDNN's attention compiles for every new length.
    torch.backends.cuda.enable_cudnn_sdp(False)
    if device == "cpu":
        layers, width = 2, 96
    config = LlamaConfig(
        vocab_size=32000 if device == "cuda" else 128,
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=12,
        num_key_value_heads=12,
        max_position_embeddings=4096,
    )
    with torch.device(device):
        model = LlamaForCausalLM(config)
    model = model.to(torch.bfloat16 if device == "cuda" else torch.float32).eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


class Talker:
    """Calls ``generate`` in sessions of its own, on a stream of its own where ``stream`` says so."""

    def __init__(self, model, kind, device, number=0, stream=False):
        self.model, self.kind, self.device, self.user = model, kind, device, f"{kind}-{number}"
        rows, tokens = TALKS[kind]
        self.ids = torch.randint(1, 100, (rows, tokens), device=device)
        self.mask = torch.ones_like(self.ids)
        self.stream = torch.cuda.Stream() if stream and device == "cuda" else None
        self.calls, self.error = 0, None

    def call(self, generate=None):
        generate = generate or self.model.generate
        return generate(self.ids, attention_mask=self.mask, max_new_tokens=NEW_TOKENS, do_sample=False)

    def warm_up(self):
        with self._on_stream():
            self.call()
        wait_for(self.device)

    def talk(self, probe, project_id, seconds=None, calls=None):
        """For so long or so many calls; never less than one."""
        end = None if seconds is None else time.monotonic() + seconds
        self.calls = 0
        with self._on_stream():
            while True:
                with probe.session(
                    tenant_id=self.kind, project_id=project_id, user_id=self.user, model="llama"
                ):
                    self.call()
                self.calls += 1
                if self.calls == calls or (end is not None and time.monotonic() >= end):
                    return

    def _on_stream(self):
        return contextlib.nullcontext() if self.stream is None else torch.cuda.stream(self.stream)


def talk_at_once(talkers, probe, project_id, seconds=None, calls=None, beside=None):
    """All of them in threads, with a function beside; raises the first fault of any."""
    faults = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            faults.append(error)

    works = [lambda each=each: each.talk(probe, project_id, seconds, calls) for each in talkers]
    threads = [
        threading.Thread(target=guarded, args=(work,), daemon=True) for work in [*works, beside] if work
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def install(measured):
    """Measures ``generate`` by this probe from now on."""
    from gpu_probe.integrations import default, transformers

    transformers.install()
    default.set_probe(measured.probe)
