/** Dashboard and alert rules name only metrics and labels that a server really exports, and each alarm has its page. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { HttpMetrics } from "../../src/http/metrics.ts";
import { SupervisorMetrics } from "../../src/http/supervisor-metrics.ts";
import type { ExpiryService } from "../../src/service/expiry/expiry-service.ts";
import type { ProposalService } from "../../src/service/proposals/proposal-service.ts";

const repository = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

const alertsSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
          annotations: z.strictObject({ summary: z.string() }),
        }),
      ),
    }),
  ),
});
const alerts = alertsSchema
  .parse(parse(read("packaging/monitoring/alerts.yaml")))
  .groups.flatMap(({ rules }) => rules);

const panelSchema = z.looseObject({
  id: z.number(),
  title: z.string().min(1),
  description: z.string().min(1),
  gridPos: z.strictObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(z.looseObject({ expr: z.string() })).min(1),
});
const { panels, templating } = z
  .looseObject({
    panels: z.array(panelSchema).min(10),
    templating: z.looseObject({ list: z.array(z.looseObject({ name: z.string(), query: z.string() })) }),
  })
  .parse(JSON.parse(read("packaging/monitoring/dashboard.json")));
const variables = templating.list.filter(({ query }) => query.startsWith("label_values("));

const expressions = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ...variables.map(({ name, query }) => [name, /\((\w+)/.exec(query)?.[1] ?? ""] as const),
];

/** Words of the language that stand without brackets behind them. */
const keywords = new Set(["by", "or", "and", "unless", "on", "ignoring", "without"]);
/** What Prometheus itself adds. */
const ofPrometheus = { metrics: ["up"], labels: ["job", "instance", "le"] };

interface Named {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
}

/** The metrics and labels in an expression. */
function namesIn(expression: string): Named {
  const labels = [
    ...[...expression.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g)].flatMap(
      ([, list]) => list?.split(",") ?? [],
    ),
    ...[...expression.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label ?? ""),
  ].map((label) => label.trim());
  const bare = expression
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"/g, " ")
    .replaceAll(/\b(?:by|without)\s*\([^)]*\)/g, " ");
  const words = [...bare.matchAll(/\b[a-z_][a-z0-9_:]*\b(?!\s*\()/gi)].map(([word]) => word);
  return { metrics: words.filter((word) => !keywords.has(word)), labels };
}

let exported: ReadonlyMap<string, ReadonlySet<string>>;

beforeAll(async () => {
  const proposals = { facts: async () => ({ open: 0, published: 0, rejected: 0, expired: 0 }) };
  const service = {
    renewalLag: async () => 0,
    mark: () => ({ behind: false, lag: 0 }),
    policyFault: () => undefined,
    damageMet: () => 0,
    expiry: {
      facts: () => ({
        at: 1_000,
        next: new Map([["root", 9_000]]),
        expired: new Map([["targets", 2]]),
        within: new Map([[90, 3]]),
        oldSignatures: 1,
      }),
    } as unknown as ExpiryService,
    outbox: async () => ({ waiting: 4, dead: 5, oldest: 6_000 }),
    proposals: proposals as unknown as ProposalService,
  };
  // As with workers: the one form in which all of them are there.
  const supervisor = new SupervisorMetrics();
  const metrics = new HttpMetrics(service, {
    others: () => supervisor.toSend(new Set()),
    freeBytes: async () => 0,
  });
  metrics.count("publish", "POST", 200, 5);
  metrics.refused("ROLLBACK");
  metrics.notLetIn("invalid_token");
  const found = new Map<string, Set<string>>();
  for (const line of (await metrics.text()).body.split("\n")) {
    const [, name, list = ""] = /^([a-z_]\w*)(?:\{(.*)\})? /i.exec(line) ?? [];
    if (name === undefined) continue;
    const labels = [...list.matchAll(/(\w+)="/g)].map(([, label]) => label ?? "");
    found.set(name, new Set([...(found.get(name) ?? []), ...labels]));
  }
  exported = found;
});

describe("every metric and label exists", () => {
  it.each(expressions)("%s", (_name, expression) => {
    const { metrics, labels } = namesIn(expression);
    expect(metrics.length).toBeGreaterThan(0);
    const unknown = metrics.filter((name) => !exported.has(name) && !ofPrometheus.metrics.includes(name));
    expect(unknown).toEqual([]);
    const known = new Set([
      ...ofPrometheus.labels,
      ...metrics.flatMap((name) => [...(exported.get(name) ?? [])]),
    ]);
    expect(labels.filter((label) => !known.has(label))).toEqual([]);
  });
});

it("a metric or label that does not exist would be noticed", () => {
  const { metrics, labels } = namesIn('sum by (role) (rate(vidimus_absent_total{kind="x"}[5m])) / 2');
  expect(metrics).toEqual(["vidimus_absent_total"]);
  expect(labels).toEqual(["role", "kind"]);
});

it("each alarm has a row of docs/operations.md that says what to do, and each row an alarm", () => {
  const section = /^## When an alarm rings\n([\s\S]*?)^## /m.exec(read("docs/operations.md"))?.[1] ?? "";
  const rows = [...section.matchAll(/^\| `(Vidimus\w+)` +\| [^|]+ \| [^|]{20,} \|$/gm)].map(
    ([, name]) => name,
  );
  expect(rows).toEqual(alerts.map(({ alert }) => alert));
});

it("promtool's tests ring each alarm at least once", () => {
  const text = read("test/packaging/alerts.test.yaml");
  const rung = [...text.matchAll(/alertname: (\w+)\n +exp_alerts:\n +- exp_labels/g)].map(([, name]) => name);
  expect([...new Set(rung)].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
});

it("no two panels of the dashboard lie on each other or share a number", () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const overlapping = panels.flatMap((one) =>
    panels.filter((other) => {
      const [a, b] = [one.gridPos, other.gridPos];
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      return one.id < other.id && !apart;
    }),
  );
  expect(overlapping.map(({ title }) => title)).toEqual([]);
});
