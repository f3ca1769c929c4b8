// The processor of the demo, which can be killed and started again.
import type { ClickHouse } from "../../adapters/clickhouse/client.ts";
import { systemClock } from "../../adapters/clock/clock.ts";
import { logBounds } from "../../adapters/kafka/admin.ts";
import type { openKafka } from "../../adapters/kafka/client.ts";
import type { Clock } from "../../domain/ports/clock.ts";
import { type Environment, Service } from "./programs.ts";

const POLL_MS = 50;

interface CatchUp {
  readonly topic: string;
  readonly kafka: ReturnType<typeof openKafka>;
  readonly reader: ClickHouse;
  readonly kills: number;
  readonly say: (line: string) => void;
}

export class Processor {
  private readonly env: Environment;
  private readonly clock: Clock = systemClock;
  private service: Service | undefined;

  constructor(env: Environment) {
    this.env = env;
  }

  start(): void {
    this.service = new Service("the processor", "services/processor/main.ts", this.env);
  }

  async end(): Promise<void> {
    await this.service?.end("SIGTERM");
  }

  /** Waits until every record of the topic is accounted for; kills and restarts the processor `kills` times on the way. */
  async catchUp({ topic, kafka, reader, kills, say }: CatchUp): Promise<void> {
    const marks = await logBounds(kafka, topic);
    const sent = [...marks.values()].reduce((sum, { high }) => sum + high, 0);
    let killed = 0;
    for (;;) {
      const [row] = await reader.query<{ received: string }>(
        "SELECT sum(b.received) AS received FROM batches AS b",
      );
      const received = Number(row?.received);
      if (killed < kills && received >= (sent * killed) / kills) {
        killed++;
        await this.service?.end("SIGKILL");
        say(`killed the processor (kill -9) with ${received} of ${sent} records counted; starting it again`);
        this.start();
      } else if (received >= sent) {
        say(`the processor has dealt with all ${sent} records`);
        return;
      }
      this.service?.check();
      await this.clock.sleep(POLL_MS);
    }
  }
}
