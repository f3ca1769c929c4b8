// The rules of ops/alerts.yml, as far as they can be checked without Prometheus; with promtool on the path, their cases too.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { METRICS } from "../../services/adapters/metrics/names.ts";
import { OWNERS } from "../../services/adapters/metrics/owners.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Case {
  readonly name: string;
  readonly promql_expr_test: readonly { readonly exp_samples: readonly unknown[] }[];
}

const { groups }: { groups: readonly { readonly rules: readonly Rule[] }[] } = parse(
  readFileSync("ops/alerts.yml", "utf8"),
);
const rules = groups.flatMap((group) => group.rules);
const { tests }: { tests: readonly Case[] } = parse(readFileSync("ops/alerts.test.yml", "utf8"));
const PROBE = readFileSync("gpu-probe/gpu_probe/exporter/metrics.py", "utf8");
const SUFFIX = /_(?:bucket|count|sum)$/;

/** Names of metrics, without what a histogram adds. */
function metricsIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:meterhouse|gpu_probe)_\w+/g)].map(([name]) => name);
}

/** Labels that an expression selects by, with the texts or patterns. */
function selectors(expr: string): { metric: string; label: string; operator: string; value: string }[] {
  return [...expr.matchAll(/\b(meterhouse_\w+)\{([^}]*)\}/g)].flatMap(([, metric = "", inner = ""]) =>
    [...inner.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = "", operator = "", value = ""]) => ({
      metric,
      label,
      operator,
      value,
    })),
  );
}

function definitionOf(name: string) {
  return Object.entries(METRICS).find(
    ([, metric]) =>
      metric.name === name || (metric.kind === "histogram" && metric.name === name.replace(SUFFIX, "")),
  );
}

describe.each(rules.map((rule) => [rule.alert, rule] as const))("%s", (_name, rule) => {
  it("says what is wrong, what it means and what to do, and how bad it is", () => {
    expect(Object.keys(rule.annotations)).toEqual(["summary", "description", "runbook"]);
    for (const text of Object.values(rule.annotations)) expect(text.length).toBeGreaterThan(15);
    expect(["warning", "critical"]).toContain(rule.labels["severity"]);
    expect(rule.for ?? "1m").toMatch(/^\d+[mh]$/);
  });

  it("asks only for metrics that are exported", () => {
    for (const name of metricsIn(rule.expr)) {
      const isProbe = name.startsWith("gpu_probe_");
      const family = name.replace(/_(?:total|info)$/, "");
      expect(isProbe ? PROBE.includes(`"${family}"`) : definitionOf(name) !== undefined, name).toBe(true);
    }
  });

  it("selects by labels and values that there are", () => {
    for (const { metric, label, operator, value } of selectors(rule.expr)) {
      const [key, definition] = definitionOf(metric) ?? [];
      const labels: readonly string[] = definition?.labels ?? [];
      expect(labels, metric).toContain(label);
      const values = Object.values(OWNERS[key as keyof typeof METRICS]).flatMap(
        (known) => known[label] ?? [],
      );
      if (values.length === 0) continue;
      const pattern = operator.endsWith("~") ? new RegExp(`^(?:${value})$`) : new RegExp(`^${value}$`);
      expect(
        values.some((known) => pattern.test(known)),
        `${metric}{${label}${operator}${value}}`,
      ).toBe(true);
    }
  });

  it("has a case in which it fires and one in which it is quiet", () => {
    const samples = (what: string) =>
      tests.find(({ name }) => name === `${rule.alert} ${what}`)?.promql_expr_test[0]?.exp_samples.length;
    expect([samples("fires"), samples("is quiet")]).toEqual([1, 0]);
  });
});

it("rules have names of their own", () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
});

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

it.runIf(hasPromtool)("promtool finds the rules well-formed, and each case as it should be", () => {
  execFileSync("promtool", ["check", "rules", "ops/alerts.yml"]);
  execFileSync("promtool", ["test", "rules", "ops/alerts.test.yml"]);
});
