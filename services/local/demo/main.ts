// npm run demo [-- --json] [-- --keep] [-- --kills N] [-- --boundary 2026-01-31T10:00Z]
import { systemClock } from "../../adapters/clock/clock.ts";
import { commandOrExit } from "../../adapters/command/command.ts";
import { EXIT } from "../../adapters/command/exit-codes.ts";
import { runProcess } from "../../adapters/lifecycle/lifecycle.ts";
import { createLog } from "../../adapters/log/log.ts";
import { formatHour } from "../../domain/time/hour.ts";
import { DEMO_COMMANDS } from "../commands.ts";
import { LocalFailure } from "../failure.ts";
import { setUp } from "../setup.ts";
import { type Stack, startStack } from "../stack.ts";
import { type Account, secondsText } from "./account.ts";
import { latestBoundary, tell } from "./story.ts";

const GRACE_MS = 600_000;

const options = commandOrExit(DEMO_COMMANDS);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

await runProcess({ log: createLog({ level: "warn", name: "demo" }) }, async (life) => {
  const log = createLog({ level: "error", name: "demo" });
  const began = systemClock.monotonicMs();
  const elapsed = (): number => (systemClock.monotonicMs() - began) / 1000;
  const say = (text: string): void =>
    print(text.includes("\n") ? text : `${elapsed().toFixed(1).padStart(5)} s  ${text}`);
  try {
    const newest = latestBoundary(systemClock.nowMs(), GRACE_MS);
    const boundary = options.boundary ?? newest;
    if (boundary > newest) {
      const latest = formatHour(newest);
      throw new LocalFailure(
        `--boundary: its hour and the next one must be over; ${latest} is the newest such`,
      );
    }
    await setUp(say);
    const stack = await life.start(
      "stack",
      () => startStack(),
      (started) => started.stop(),
    );
    say(`Kafka on ${stack.kafkaBrokers} and ClickHouse on ${stack.clickhouseUrl} are up`);
    const { account, second_card } = await tell({ stack, boundary, kills: options.kills, log, say });
    print(accountText("The account", account));
    print(accountText("The second card's account", second_card));
    if (options.keep) print(keepText(stack));
    if (options.json)
      print(JSON.stringify({ ...account, second_card, seconds: Number(elapsed().toFixed(1)) }));
    if (!options.keep) life.stop();
  } catch (error) {
    if (!(error instanceof LocalFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    life.stop(EXIT.failed);
  }
});

function accountText(title: string, { events, gpu_time_ns: time, busy_ns: busy, ...bills }: Account): string {
  return [
    "",
    title,
    `  records   ${events.received} received = ${events.counted} counted + ${events.duplicate} duplicate + ${events.conflict} conflict + ${events.rejected} rejected`,
    `  GPU time  ${secondsText(time.physical)} = ${secondsText(time.sessions)} sessions + ${secondsText(time.operator)} operator + ${secondsText(time.idle)} idle + ${secondsText(time.unattributed)} unattributed`,
    ...(busy.busy === "0"
      ? []
      : [
          `  busy      ${secondsText(busy.busy)} = ${secondsText(busy.sessions)} sessions + ${secondsText(busy.operator)} operator + ${secondsText(busy.unmetered)} unmetered`,
        ]),
    `  charges   ${bills.charges_total} ${bills.currency} to ${bills.tenants_billed} tenants over ${bills.hours_closed} ${bills.hours_closed === 1 ? "hour" : "hours"}`,
  ].join("\n");
}

function keepText(stack: Stack): string {
  const { user, password } = stack.users.reader;
  return [
    "",
    "The stack stays up until Ctrl-C. Ask it, for example:",
    `  curl '${stack.clickhouseUrl}/?database=meterhouse' -u '${user}:${password}' -d 'SELECT * FROM tenant_totals FORMAT PrettyCompact'`,
    `  curl '${stack.clickhouseUrl}/?database=meterhouse' -u '${user}:${password}' -d 'SELECT * FROM gpu_hour_account FORMAT Vertical'`,
    `Views: events, usage_windows, rejected_events, batches, usage_hourly_current, charges_current, … (clickhouse/README.md)`,
    "",
  ].join("\n");
}
