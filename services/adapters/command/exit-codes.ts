/** How every command and process ends; a process that a signal ended gives 128 and the signal's number. */
export const EXIT = {
  /** Done, or ended in order after a signal to stop. */
  done: 0,
  /** Refused, not found, out of reach, or done in part; or something differs, or is still waited for. */
  failed: 1,
  /** The command line or the configuration asks for what cannot be; nothing was begun. */
  usage: 2,
  /** A command that Ctrl-C cut short. */
  interrupted: 130,
  /** A command that SIGTERM cut short. */
  terminated: 143,
} as const;
