import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { isKnown } from "../../services/adapters/config/config.ts";
import { COMMANDS } from "../../services/cli/commands.ts";
import { grantsOf, ROLES } from "../../services/local/roles.ts";

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: string | readonly string[];
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly read_only?: boolean;
  readonly networks?: readonly string[];
  readonly healthcheck?: { test?: readonly string[]; disable?: boolean };
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { file: string }>>;
}

const text = readFileSync("compose.yml", "utf8");
const compose: Compose = parse(text, { merge: true });
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);

const OTHER_SECRETS: Readonly<Record<string, readonly string[]>> = {
  jobs: ["retention"],
  processor: ["correction"],
  pricing: ["correction"],
};

describe("compose.yml", () => {
  it("starts Kafka, ClickHouse, the migrations and the processes", () => {
    expect(Object.keys(compose.services)).toEqual([
      "kafka",
      "topic",
      "clickhouse",
      "migrate",
      "processor",
      "settlement",
      "pricing",
      "jobs",
    ]);
    for (const [name, { command = [] }] of ours) {
      expect(command, name).toHaveLength(1);
      expect(COMMANDS).toHaveProperty(String(command[0]));
    }
  });

  it("pins every image", () => {
    for (const [name, { image }] of services) expect(image, name).toMatch(/^[\w/-]+:\d+(\.\d+)+$/);
    expect(readFileSync("Dockerfile", "utf8")).toMatch(/^FROM node:24/);
  });

  it("takes every capability away that is not needed, and bounds memory and processes", () => {
    for (const [name, service] of services) {
      expect(service.cap_drop, name).toEqual(["ALL"]);
      expect(service.security_opt, name).toEqual(["no-new-privileges:true"]);
      expect(service.mem_limit, name).toMatch(/^\d+g$/);
      expect(service.pids_limit, name).toBeGreaterThan(0);
      expect(service.cap_add?.length ?? 0, name).toBe(name === "clickhouse" ? 5 : 0);
    }
    for (const [name, service] of ours) expect(service.read_only, name).toBe(true);
  });

  it("keeps ClickHouse in a network without clients, from which nothing leads out", () => {
    expect(compose.networks["inside"]).toEqual({ internal: true });
    expect(compose.services["clickhouse"]?.networks).toEqual(["inside"]);
    expect(compose.services["clickhouse"]?.ports).toBeUndefined();
    for (const [name, { networks = [], ports }] of services) {
      expect(networks, name).toEqual(ports === undefined ? ["inside"] : ["inside", "edge"]);
    }
  });

  it("listens on loopback only", () => {
    for (const [name, { ports = [] }] of services) {
      for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    }
  });

  it("holds no secret: each comes from a file that git does not know", () => {
    expect(Object.keys(compose.secrets).sort()).toEqual([...ROLES, "correction"].sort());
    for (const [name, { file }] of Object.entries(compose.secrets)) expect(file).toBe(`./secrets/${name}`);
    expect(readFileSync(".gitignore", "utf8").split("\n")).toContain("/secrets/");
    expect(text).not.toMatch(/PASSWORD["']?\s*[:=]\s*["']?[A-Za-z0-9]/);
    const users = readFileSync("clickhouse/users.d/meterhouse.xml", "utf8");
    expect(users.match(/<password/g)).toEqual(users.match(/<password(?= from_env="\w+"\/>)/g));
  });

  it("gives each process its own user and only the secrets that it needs", () => {
    for (const [name, { environment = {}, secrets }] of ours) {
      expect(environment["METERHOUSE_CLICKHOUSE_USER"]).toBe(name);
      expect(environment["METERHOUSE_CLICKHOUSE_PASSWORD_FILE"]).toBe(`/run/secrets/${name}`);
      expect(secrets).toEqual([name, ...(OTHER_SECRETS[name] ?? [])]);
    }
  });

  it("sets only what Meterhouse reads", () => {
    const keys = ours.flatMap(([, { environment = {} }]) => Object.keys(environment));
    expect(keys.filter((key) => !isKnown(key))).toEqual([]);
  });

  it("watches the health of everything that stays up, and waits for what it needs", () => {
    const staying = services.filter(([name]) => name !== "topic" && name !== "migrate");
    for (const [name, { healthcheck }] of staying) expect(healthcheck?.test, name).toBeDefined();
    for (const [name, { depends_on = {} }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect(compose.services, `${name} needs ${other}`).toHaveProperty(other);
        const isOneShot = other === "topic" || other === "migrate";
        expect(condition).toBe(isOneShot ? "service_completed_successfully" : "service_healthy");
      }
    }
  });
});

it("ClickHouse's users file grants each role what the embedded stack grants it", () => {
  const users = readFileSync("clickhouse/users.d/meterhouse.xml", "utf8");
  for (const role of ROLES) {
    const block = users.slice(users.indexOf(`<${role}>`), users.indexOf(`</${role}>`));
    const grants = [...block.matchAll(/<query>(.*?)<\/query>/g)].map(([, grant]) => grant);
    expect(grants, role).toEqual(grantsOf(role, ["meterhouse"]));
  }
});
