// Loaded before a process of the demo or of a benchmark (`node --import`): whatever ends the parent, `kill -9` included,
// closes the channel between the two, and then this process ends as well.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.channel?.unref();
