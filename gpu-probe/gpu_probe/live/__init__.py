"""From the serving process to the accounting: a journal that survives the process, the GPU's clock put on the
host's, and who reads it."""
