"""A small model of the real transformers library, with random weights."""


def tiny_llama(torch, transformers, **more):
    """The same weights each time. ``more`` goes into its configuration."""
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=128,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        **more,
    )
    return transformers.LlamaForCausalLM(config).eval()
