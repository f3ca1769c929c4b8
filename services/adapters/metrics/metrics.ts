import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { METRICS } from "./names.ts";

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
  /** The whole table and the process' own figures in the text format of Prometheus. */
  exposition(): Promise<{ contentType: string; body: string }>;
}

interface Definition {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/** A registry of its own, so that several can live in one test. `processName` becomes the label `process`. */
export function createMetrics(processName: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: processName });
  collectDefaultMetrics({ register: registry });
  const instruments = Object.fromEntries(
    Object.entries<Definition>(METRICS).map(([name, definition]) => [name, create(definition, registry)]),
  ) as unknown as Instruments;
  return {
    ...instruments,
    exposition: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

function create({ kind, name, help, labels, buckets = [] }: Definition, registry: Registry) {
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  if (kind === "counter") return new Counter(common);
  if (kind === "gauge") return new Gauge(common);
  return new Histogram({ ...common, buckets: [...buckets] });
}
