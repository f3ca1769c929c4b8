"""What the NVIDIA driver says through NVML, question by question; every answer may fail at any time."""
