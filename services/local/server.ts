import type { Users } from "./roles.ts";

export interface ServerOptions {
  /** The stack's folder; each server keeps its data, configuration and log below it. */
  readonly directory: string;
  readonly port: number;
  readonly users: Users;
  /** How long it may take until it answers. */
  readonly startMsMax: number;
}

/** A server of the stack. */
export interface Server {
  /** `kill -9`; resolves when it is gone. Its data stay. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, killing it first where it still runs. */
  restart(): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<void>;
}
