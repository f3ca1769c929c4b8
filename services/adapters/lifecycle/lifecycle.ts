import type { Clock } from "../../domain/ports/clock.ts";
import type { Log } from "../../domain/ports/log.ts";
import { systemClock } from "../clock/clock.ts";

export type StopSignal = "SIGTERM" | "SIGINT";
type HostEvent = StopSignal | "uncaughtException" | "unhandledRejection";

/** The process as far as its life is concerned; replaced in tests. */
export interface LifecycleHost {
  on(event: HostEvent, listener: (cause: unknown) => void): void;
  off(event: HostEvent, listener: (cause: unknown) => void): void;
  /** Ends the process. */
  exit(code: number): void;
}

/** What the body of a process starts its parts with. */
export interface Life {
  /** Aborted as soon as the process is to stop; hand it to whatever waits. */
  readonly signal: AbortSignal;
  /** Starts a part and remembers how to stop it. Parts stop in reverse order, also when a later one fails to start. */
  start<T>(
    name: string,
    start: (signal: AbortSignal) => Promise<T> | T,
    stop: (part: T) => Promise<void> | void,
  ): Promise<T>;
  /** Watches work that goes on beside the body; its failure is an unknown error. */
  watch(name: string, work: Promise<unknown>): void;
  /** An error that nobody expected: it is logged and the process ends with code 1, with no part stopped or flushed. */
  fail(error: unknown): void;
  /** Ends the process in order, as a signal would. */
  stop(exitCode?: number): void;
}

export interface LifecycleOptions {
  readonly log: Log;
  readonly clock?: Clock;
  /** How long all parts together may take to stop before the process ends with code 1. */
  readonly stopMsMax?: number;
  readonly host?: LifecycleHost;
}

const STOP_MS_MAX = 20_000;
// One Ctrl-C comes twice where a parent such as npm passes on what the terminal has sent already.
const SAME_SIGNAL_MS_MAX = 500;
const SIGNAL_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs a process: `body` starts its parts and returns; the process then lives until SIGTERM, SIGINT or `life.stop()`,
 * stops its parts in reverse and exits with code 0 (as if killed, 130 or 143, if `body` was interrupted by the signal, so
 * that a command that was cut short does not look done). A second signal ends it at once. An unknown error, in the body or
 * anywhere else, is logged and ends it with code 1: what was not committed stays uncommitted.
 */
export async function runProcess(
  options: LifecycleOptions,
  body: (life: Life) => Promise<void>,
): Promise<number> {
  const run = new Run(options);
  return run.whole(body);
}

interface Part {
  readonly name: string;
  readonly stop: () => Promise<void> | void;
}

class Run implements Life {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #host: LifecycleHost;
  readonly #stopMsMax: number;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<number>();
  readonly #parts: Part[] = [];
  #exitCode = 0;
  #interruptedExit = 0;
  #signalledAtMs: number | undefined;
  #hasFailed = false;

  constructor({
    log,
    clock = systemClock,
    host = process as LifecycleHost,
    stopMsMax = STOP_MS_MAX,
  }: LifecycleOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#host = host;
    this.#stopMsMax = stopMsMax;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async whole(body: (life: Life) => Promise<void>): Promise<number> {
    const listeners = this.#listeners();
    for (const [event, listener] of listeners) this.#host.on(event, listener);
    const orderly = this.#orderly(body).then((code) => this.#ended.resolve(code));
    const code = await Promise.race([this.#ended.promise, orderly.then(() => this.#ended.promise)]);
    for (const [event, listener] of listeners) this.#host.off(event, listener);
    this.#host.exit(code);
    return code;
  }

  async start<T>(
    name: string,
    start: (signal: AbortSignal) => Promise<T> | T,
    stop: (part: T) => Promise<void> | void,
  ): Promise<T> {
    this.signal.throwIfAborted();
    const part = await start(this.signal);
    this.#parts.push({ name, stop: () => stop(part) });
    this.#log.debug({ part: name }, "started");
    return part;
  }

  watch(name: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (this.#isOnlyStopping(error)) return;
      this.#log.error({ part: name }, "part failed");
      this.fail(error);
    });
  }

  fail(error: unknown): void {
    if (this.#hasFailed || this.#isOnlyStopping(error)) return;
    this.#hasFailed = true;
    this.#log.error({ err: error }, "unknown error; ending with nothing more committed");
    this.#ended.resolve(1);
  }

  stop(exitCode = 0): void {
    this.#exitCode = exitCode;
    this.#abort.abort(new Error("the process is stopping"));
  }

  /** Work that stops on request throws the signal's reason: that is no failure. */
  #isOnlyStopping(error: unknown): boolean {
    return this.signal.aborted && error === this.signal.reason;
  }

  async #orderly(body: (life: Life) => Promise<void>): Promise<number> {
    try {
      await body(this);
      if (!this.signal.aborted) {
        await new Promise((resolve) => this.signal.addEventListener("abort", resolve, { once: true }));
      }
    } catch (error) {
      if (this.#isOnlyStopping(error)) {
        this.#exitCode = this.#interruptedExit;
      } else {
        this.#log.error({ err: error }, "could not start");
        this.#exitCode = 1;
        this.#abort.abort(error);
      }
    }
    return (await this.#stopInTime()) ? this.#exitCode : 1;
  }

  async #stopInTime(): Promise<boolean> {
    const inTime = new AbortController();
    let stopping = "";
    const tooLate = this.#clock.sleep(this.#stopMsMax, inTime.signal).then(
      () => {
        this.#log.error({ part: stopping, limit_ms: this.#stopMsMax }, "does not stop; ending without it");
        return false;
      },
      () => false,
    );
    const stopped = this.#stopParts((name) => {
      stopping = name;
    });
    const isClean = await Promise.race([stopped, tooLate]);
    inTime.abort();
    return isClean;
  }

  async #stopParts(onPart: (name: string) => void): Promise<boolean> {
    let isClean = true;
    for (const part of this.#parts.reverse()) {
      onPart(part.name);
      try {
        await part.stop();
        this.#log.debug({ part: part.name }, "stopped");
      } catch (error) {
        isClean = false;
        this.#log.error({ err: error, part: part.name }, "failed to stop");
      }
    }
    return isClean;
  }

  #listeners(): [HostEvent, (cause: unknown) => void][] {
    const onSignal = (name: StopSignal) => () => {
      const now = this.#clock.monotonicMs();
      if (this.#signalledAtMs !== undefined) {
        if (now - this.#signalledAtMs <= SAME_SIGNAL_MS_MAX) return;
        this.#log.warn({ signal: name }, "second signal; ending at once");
        this.#ended.resolve(SIGNAL_EXIT[name]);
        return;
      }
      this.#signalledAtMs = now;
      this.#interruptedExit = SIGNAL_EXIT[name];
      this.#log.info({ signal: name }, "stopping");
      this.stop();
    };
    const onUnknown = (error: unknown) => this.fail(error);
    return [
      ["SIGTERM", onSignal("SIGTERM")],
      ["SIGINT", onSignal("SIGINT")],
      ["uncaughtException", onUnknown],
      ["unhandledRejection", onUnknown],
    ];
  }
}
