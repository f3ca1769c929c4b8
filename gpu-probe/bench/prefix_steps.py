"""Forward steps of the synthetic 7B decoder for any rows, and their times on the card."""

import itertools
import time

import torch
import torch.nn.functional as F

LAYERS = 32
# As many new tokens as engines put into a step.
TOKENS_MAX, CONTEXT_MAX = 2048, 8192


class Steps:
    """A forward step for any rows. Keys and values of all rows and layers are one buffer: the bytes read are
    the same, the memory is not."""

    def __init__(self, device, layers=LAYERS):
        self.device = device
        if device == "cuda":
            import workload

            self.width, self.heads, self.layers = workload.WIDTH, workload.HEADS, layers
            self.dtype = torch.bfloat16
            tokens = 32 * CONTEXT_MAX
        else:
            self.width, self.heads, self.layers, self.dtype, tokens = (
                64,
                4,
                2,
                torch.float32,
                32 * CONTEXT_MAX,
            )
        inner, width = round(self.width * 2.6875), self.width

        def weights(rows, columns):
            return torch.randn(rows, columns, device=device, dtype=self.dtype) * rows**-0.5

        self.weights = [
            (
                weights(width, 3 * width),
                weights(width, width),
                weights(width, 2 * inner),
                weights(inner, width),
            )
            for _ in range(self.layers)
        ]
        self.head = weights(width, 32000 if device == "cuda" else 128)
        shape = (tokens, self.heads, width // self.heads)
        self.keys = torch.randn(shape, device=device, dtype=self.dtype)
        self.values = torch.randn(shape, device=device, dtype=self.dtype)
        self.x = torch.randn(TOKENS_MAX * 2, width, device=device, dtype=self.dtype)
        self.attention = self._find_attention()

    def prepare(self, rows):
        """The step's arguments, on the card before it is timed."""
        new, context = [row[0] for row in rows], [row[1] for row in rows]
        offsets = [
            torch.tensor([0, *sums], dtype=torch.int32, device=self.device)
            for sums in map(_sums, (new, context))
        ]
        return sum(new), sum(context), offsets, max(new), max(context), rows

    def launch(self, step):
        tokens = step[0]
        x = self.x[:tokens]
        for attend, project, up, down in self.weights:
            query = (F.rms_norm(x, (self.width,)) @ attend).view(tokens, 3, self.heads, -1)[:, 0]
            x = x + self.attention(query, step).reshape(tokens, self.width) @ project
            gate, grown = (F.rms_norm(x, (self.width,)) @ up).chunk(2, -1)
            x = x + (F.silu(gate) * grown) @ down
        return (x[: len(step[5])] @ self.head).argmax(-1)

    def _find_attention(self):
        """All rows in one kernel where PyTorch has it."""
        step = self.prepare([[1, 40], [8, 30]])
        query = self.x[:9].view(9, self.heads, -1)
        want = self._by_row(query, step)
        for candidate in (self._flash, self._varlen):
            try:
                got = candidate(query, step)
                if (got - want).abs().max().item() < 0.05:
                    return candidate
            except Exception as error:
                print(f"{candidate.__name__}: {error!r}"[:300])
        return self._by_row

    def _flash(self, query, step):
        _, context, offsets, new_max, context_max, _ = step
        return torch.ops.aten._flash_attention_forward(
            query,
            self.keys[:context],
            self.values[:context],
            *offsets,
            new_max,
            context_max,
            0.0,
            True,
            False,
        )[0]

    def _varlen(self, query, step):
        from torch.nn.attention.varlen import varlen_attn

        _, context, offsets, new_max, context_max, _ = step
        return varlen_attn(
            query,
            self.keys[:context],
            self.values[:context],
            *offsets,
            new_max,
            context_max,
            window_size=(-1, 0),
        )

    def _by_row(self, query, step):
        """A kernel for each row: slower, and the longest row makes none of the others wait."""
        parts, token, at = [], 0, 0
        for new, context in step[5]:
            q = query[token : token + new].transpose(0, 1)
            k, v = (kept[at : at + context].transpose(0, 1) for kept in (self.keys, self.values))
            # A new token sees what is before it, itself included.
            seen = torch.ones(new, context, dtype=torch.bool, device=self.device).tril(context - new)
            parts.append(F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(0, 1))
            token, at = token + new, at + context
        return torch.cat(parts)


def _sums(numbers):
    total, sums = 0, []
    for number in numbers:
        total += number
        sums.append(total)
    return sums


class Timer:
    """Milliseconds of steps that are launched one behind the other, a few ahead of the card."""

    AHEAD = 6

    def __init__(self, steps):
        self.steps, self.on_card = steps, steps.device == "cuda"

    def time(self, batches, replays, end=None):
        """For each list of rows the instant and the milliseconds of each replay; fewer lists where the end
        comes before."""
        found, waiting = [], []
        # All of them before: a copy to the card waits for what is launched.
        for step in [self.steps.prepare(rows) for rows in batches]:
            if end is not None and time.monotonic() > end:
                break
            marks = [self.mark()]
            for _ in range(replays):
                self.steps.launch(step)
                marks.append(self.mark())
            found.append((time.monotonic(), marks))
            waiting.append(marks[-1])
            if self.on_card and len(waiting) * replays > self.AHEAD:
                waiting.pop(0).synchronize()
        if self.on_card:
            torch.cuda.synchronize()
        return [(at, [self.ms(*pair) for pair in itertools.pairwise(marks)]) for at, marks in found]

    def mark(self):
        if not self.on_card:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def ms(self, first, second):
        return first.elapsed_time(second) if self.on_card else (second - first) * 1000
