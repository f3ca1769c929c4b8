"""From the journal to the accounting: the GPU's clock put on the host's, the books of each journal, their
checkpoint, and the thread or process that keeps them."""
