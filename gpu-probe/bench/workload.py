"""A decoder with random weights, so that nothing has to be downloaded: 7B-shaped layers, bf16, as many as the
step is to be long."""

import torch
import torch.nn.functional as F

WIDTH, HEADS, INNER = 4096, 32, 11008
# cuDNN's attention compiles for every new length.
torch.backends.cuda.enable_cudnn_sdp(False)


class Layer(torch.nn.Module):
    def __init__(self, device):
        super().__init__()

        def linear(rows, columns):
            weight = torch.randn(rows, columns, device=device, dtype=torch.bfloat16) * rows**-0.5
            return torch.nn.Parameter(weight, requires_grad=False)

        self.attend, self.project = linear(WIDTH, 3 * WIDTH), linear(WIDTH, WIDTH)
        self.up, self.down = linear(WIDTH, 2 * INNER), linear(INNER, WIDTH)

    def forward(self, x, keys, values):
        """One token a row against cached keys and values, [rows, heads, context, head width]."""
        query, _, _ = (F.rms_norm(x, (WIDTH,)) @ self.attend).view(-1, 3, HEADS, WIDTH // HEADS).unbind(1)
        seen = F.scaled_dot_product_attention(query.unsqueeze(2), keys, values)
        return self.feed(x + seen.reshape(x.shape) @ self.project)

    def prefill(self, x):
        """A prompt, [tokens, width]."""
        heads = (F.rms_norm(x, (WIDTH,)) @ self.attend).view(-1, 3, HEADS, WIDTH // HEADS).permute(1, 2, 0, 3)
        query, keys, values = (part.unsqueeze(0) for part in heads)
        seen = F.scaled_dot_product_attention(query, keys, values, is_causal=True)
        return self.feed(x + seen[0].transpose(0, 1).reshape(x.shape) @ self.project)

    def feed(self, x):
        gate, up = (F.rms_norm(x, (WIDTH,)) @ self.up).chunk(2, -1)
        return x + (F.silu(gate) * up) @ self.down


class Decoder(torch.nn.Module):
    """``rows`` and ``context`` are the most of a decode step."""

    def __init__(self, layers, rows, context, device="cuda"):
        super().__init__()
        self.layers = torch.nn.ModuleList(Layer(device) for _ in range(layers))
        cache = (2, rows, HEADS, context, WIDTH // HEADS)
        # One cache for all layers: the bytes read are the same, the memory is not.
        self.keys, self.values = torch.randn(cache, device=device, dtype=torch.bfloat16)
        self.x = torch.randn(rows, WIDTH, device=device, dtype=torch.bfloat16)
        self.head = torch.randn(WIDTH, 32000, device=device, dtype=torch.bfloat16)

    @torch.no_grad()
    def decode(self, rows=None, context=None):
        """Tokens of a decode step."""
        x = self.x[:rows]
        keys, values = self.keys[:rows, :, :context], self.values[:rows, :, :context]
        for layer in self.layers:
            x = layer(x, keys, values)
        return (x @ self.head).argmax(-1)

    @torch.no_grad()
    def prefill(self, tokens):
        x = self.x[:1].expand(tokens, WIDTH).contiguous()
        for layer in self.layers:
            x = layer.prefill(x)
        return (x[-1:] @ self.head).argmax(-1)


def graphed(decoder, rows, context):
    """The decode step as a CUDA graph: the graph and its tokens."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            decoder.decode(rows, context)
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        tokens = decoder.decode(rows, context)
    return graph, tokens


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
