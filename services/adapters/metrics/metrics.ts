import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { METRICS } from "./names.ts";
import { OWNERS, type ProgramName } from "./owners.ts";

type Table = typeof METRICS;
type Label<Name extends keyof Table> = Table[Name]["labels"][number];
type Instrument<Name extends keyof Table> = Table[Name]["kind"] extends "counter"
  ? Counter<Label<Name>>
  : Table[Name]["kind"] extends "gauge"
    ? Gauge<Label<Name>>
    : Histogram<Label<Name>>;

type Instruments = { readonly [Name in keyof Table]: Instrument<Name> };

/** The metrics of one process by their names in the table, such as `metrics.events.inc({ outcome: "counted" }, 100)`. */
export interface Metrics extends Instruments {
  /** The metrics that this process owns, and figures of Node, in the text format of Prometheus. */
  exposition(): Promise<{ contentType: string; body: string }>;
}

interface Definition {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/**
 * A registry of its own, so that several can live in one test. `processName` becomes the label `process`. What another
 * process owns can be counted too, but is not exported.
 */
export function createMetrics(processName: ProgramName): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry });
  const instruments = Object.fromEntries(
    Object.entries<Definition>(METRICS).map(([name, definition]) => {
      const values = OWNERS[name as keyof Table][processName];
      const instrument = create(definition, values === undefined ? [] : [registry]);
      if (values !== undefined) begin(instrument, definition, values);
      return [name, instrument];
    }),
  ) as unknown as Instruments;
  return {
    ...instruments,
    exposition: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function create({ kind, name, help, labels, buckets = [] }: Definition, registers: Registry[]) {
  const common = { name, help, labelNames: [...labels], registers };
  if (kind === "counter") return new Counter(common);
  if (kind === "gauge") return new Gauge(common);
  return new Histogram({ ...common, buckets: [...buckets] });
}

/** A series at 0 for every combination of the labels' values; none where a label's values are not known yet. */
function begin(
  instrument: ReturnType<typeof create>,
  { labels }: Definition,
  values: Readonly<Record<string, readonly string[]>>,
): void {
  if (labels.length === 0) return;
  let series: Record<string, string>[] = [{}];
  for (const label of labels) {
    series = series.flatMap((one) => (values[label] ?? []).map((value) => ({ ...one, [label]: value })));
  }
  for (const one of series) {
    if (instrument instanceof Histogram) instrument.zero(one);
    else if (instrument instanceof Gauge) instrument.set(one, 0);
    else instrument.inc(one, 0);
  }
}
