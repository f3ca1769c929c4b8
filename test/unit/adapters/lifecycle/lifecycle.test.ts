import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import {
  type Life,
  type LifecycleHost,
  runProcess,
} from "../../../../services/adapters/lifecycle/lifecycle.ts";
import { createLog } from "../../../../services/adapters/log/log.ts";
import { ManualClock } from "../../../support/doubles/manual-clock.ts";

class FakeHost extends EventEmitter {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

function bench() {
  const host = new FakeHost();
  const clock = new ManualClock();
  const done: string[] = [];
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    name: "test",
    to: { write: (line) => lines.push(JSON.parse(line).msg) },
  });
  const options = { host: host as LifecycleHost, clock, log, stopMsMax: 1_000 };
  const part = (life: Life, name: string, stop: () => Promise<void> | void = () => undefined) =>
    life.start(
      name,
      () => {
        done.push(`start ${name}`);
        return name;
      },
      async () => {
        done.push(`stop ${name}`);
        await stop();
      },
    );
  return { host, clock, done, lines, options, part };
}

describe("runProcess", () => {
  it.each(["SIGTERM", "SIGINT"])("stops in reverse order on %s and exits with 0", async (signal) => {
    const { host, done, options, part } = bench();
    const ready = Promise.withResolvers<Life>();
    const exit = runProcess(options, async (life) => {
      await part(life, "store");
      await part(life, "consumer");
      ready.resolve(life);
    });
    const life = await ready.promise;
    host.emit(signal);
    expect(life.signal.aborted).toBe(true);
    expect(await exit).toBe(0);
    expect(done).toEqual(["start store", "start consumer", "stop consumer", "stop store"]);
    expect(host.exits).toEqual([0]);
    expect(host.eventNames()).toEqual([]);
  });

  it("rolls back a partial start and exits with 1", async () => {
    const { host, done, lines, options, part } = bench();
    const exit = await runProcess(options, async (life) => {
      await part(life, "store");
      await life.start(
        "server",
        () => Promise.reject(new Error("port taken")),
        () => undefined,
      );
    });
    expect(exit).toBe(1);
    expect(done).toEqual(["start store", "stop store"]);
    expect(lines).toEqual(["could not start"]);
    expect(host.exits).toEqual([1]);
  });

  it("gives up a start that a signal interrupts, without calling it a fault", async () => {
    const { host, done, lines, options, part, clock } = bench();
    const exit = runProcess(options, async (life) => {
      await part(life, "store");
      await life.start(
        "kafka",
        (signal) => clock.sleep(60_000, signal),
        () => undefined,
      );
    });
    await clock.asleep();
    host.emit("SIGTERM");
    expect(await exit).toBe(143);
    expect(done).toEqual(["start store", "stop store"]);
    expect(lines).toEqual(["stopping"]);
  });

  it("ends at once on a second signal while a part is still stopping, but not on an echo of the first", async () => {
    const { host, clock, lines, options, part } = bench();
    const started = Promise.withResolvers<void>();
    const stopping = Promise.withResolvers<void>();
    const exit = runProcess(options, async (life) => {
      await part(life, "consumer", () => {
        stopping.resolve();
        return new Promise(() => undefined);
      });
      started.resolve();
    });
    await started.promise;
    host.emit("SIGTERM");
    await stopping.promise;
    host.emit("SIGTERM");
    expect(lines).toEqual(["stopping"]);
    await clock.advance(501);
    host.emit("SIGINT");
    expect(await exit).toBe(130);
  });

  it.each(["uncaughtException", "unhandledRejection"])(
    "ends with 1 on %s and stops nothing",
    async (event) => {
      const { host, done, lines, options, part } = bench();
      const ready = Promise.withResolvers<void>();
      const exit = runProcess(options, async (life) => {
        await part(life, "consumer");
        ready.resolve();
      });
      await ready.promise;
      host.emit(event, new Error("who knows"));
      expect(await exit).toBe(1);
      expect(done).toEqual(["start consumer"]);
      expect(lines).toEqual(["unknown error; ending with nothing more committed"]);
    },
  );

  it("takes the failure of watched work for an unknown error, unless it only stopped", async () => {
    const { lines, options } = bench();
    const exit = await runProcess(options, async (life) => {
      life.watch("pump", Promise.reject(new Error("who knows")));
    });
    expect(exit).toBe(1);
    expect(lines).toEqual(["part failed", "unknown error; ending with nothing more committed"]);

    const other = bench();
    const stopped = await runProcess(other.options, async (life) => {
      life.watch("pump", other.clock.sleep(1_000, life.signal));
      life.stop();
    });
    expect(stopped).toBe(0);
    expect(other.lines).toEqual([]);
  });

  it("does not take for a failure what a job throws because it has to stop", async () => {
    const { lines, options } = bench();
    const exit = await runProcess(options, async (life) => {
      life.stop();
      life.fail(life.signal.reason);
    });
    expect(exit).toBe(0);
    expect(lines).toEqual([]);
  });

  it("ends with 1 when a part fails to stop, after stopping the others", async () => {
    const { done, options, part } = bench();
    const exit = await runProcess(options, async (life) => {
      await part(life, "store");
      await part(life, "consumer", () => Promise.reject(new Error("stuck")));
      life.stop();
    });
    expect(exit).toBe(1);
    expect(done.slice(2)).toEqual(["stop consumer", "stop store"]);
  });

  it("does not wait for ever for a part to stop", async () => {
    const { clock, lines, options, part } = bench();
    const exit = runProcess(options, async (life) => {
      await part(life, "consumer", () => new Promise(() => undefined));
      life.stop();
    });
    await clock.advance(await clock.asleep());
    expect(await exit).toBe(1);
    expect(lines).toEqual(["does not stop; ending without it"]);
  });

  it("lets a command end with the code that it chose", async () => {
    const { options } = bench();
    expect(await runProcess(options, async (life) => life.stop(3))).toBe(3);
  });
});
