import { describe, expect, it } from "vitest";
import { aggregated, type SentMetrics } from "../../src/http/aggregate.ts";
import { HttpMetrics, type OtherMetrics } from "../../src/http/metrics.ts";
import { SupervisorMetrics } from "../../src/http/supervisor-metrics.ts";
import type { ExpiryService } from "../../src/service/expiry/expiry-service.ts";
import type { ProposalService } from "../../src/service/proposals/proposal-service.ts";

const proposals = { facts: async () => ({ open: 3, published: 2, rejected: 1, expired: 0 }) };
const metricsOf = (lag: number, others?: OtherMetrics, mark = { behind: false, lag: 0 }) =>
  new HttpMetrics(
    {
      renewalLag: async () => lag,
      mark: () => mark,
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
    },
    { ...(others !== undefined && { others }), freeBytes: async () => 12 },
  );

/** As it crosses from one process to another. */
const sent = async (metrics: HttpMetrics) => structuredClone(await metrics.toSend());

const reads = 'notary_server_http_requests_total{operation="GetRole",method="GET",code="200"}';
const line = (body: string, name: string) =>
  body
    .split("\n")
    .find((each) => each.startsWith(`${name} `))
    ?.slice(name.length + 1);

it("of several processes are added up, and of the lag the largest counts", async () => {
  const [one, two] = [metricsOf(3_000), metricsOf(7_000)];
  for (const each of [one, one, two]) each.count("current", "GET", 200, 1);
  for (const each of [one, two]) each.count("publish", "POST", 200, 4);
  two.refused("THRESHOLD");
  const here = metricsOf(5_000, async () => [await sent(one), await sent(two)]);
  here.count("current", "GET", 200, 1);
  const { type, body } = await here.text();
  expect(type).toContain("text/plain");
  expect(line(body, reads)).toBe("4");
  expect(line(body, "vidimus_publish_seconds_count")).toBe("2");
  expect(line(body, 'vidimus_refusals_total{code="THRESHOLD"}')).toBe("1");
  expect(line(body, "vidimus_renewal_lag_seconds")).toBe("7");
  // All processes look at the same proposals; each has ended others.
  expect(line(body, "vidimus_proposals_open")).toBe("3");
  expect(line(body, 'vidimus_proposals_total{outcome="published"}')).toBe("6");
  expect(line(body, 'vidimus_proposals_total{outcome="expired"}')).toBe("0");
});

it("say of store and mark what the process says that knows most", async () => {
  const writer = metricsOf(0, undefined, { behind: true, lag: 90_000 });
  const { body } = await metricsOf(0, async () => [await sent(writer)]).text();
  expect(line(body, "vidimus_store_behind")).toBe("1");
  expect(line(body, "vidimus_mark_lag_seconds")).toBe("90");
  const alone = (await metricsOf(0, undefined, { behind: false, lag: 1_500 }).text()).body;
  expect(line(alone, "vidimus_store_behind")).toBe("0");
  expect(line(alone, "vidimus_mark_lag_seconds")).toBe("1.5");
});

it("begin when the supervisor did, and count whom it started again", async () => {
  const supervisor = new SupervisorMetrics();
  for (const each of ["reader", "reader", "writer"] as const) supervisor.restarted(each);
  const [own = []] = structuredClone(await supervisor.toSend(new Set()));
  const fromSupervisor = own.map((each) =>
    each.name === "process_start_time_seconds" ? { ...each, values: [{ value: 1_234, labels: {} }] } : each,
  );
  const here = metricsOf(0, async () => [fromSupervisor, await sent(metricsOf(0))]);
  const { body } = await here.text();
  expect(line(body, "process_start_time_seconds")).toBe("1234");
  expect(line(body, 'vidimus_process_restarts_total{process="reader"}')).toBe("2");
  expect(line(body, 'vidimus_process_restarts_total{process="writer"}')).toBe("1");
  // The memory of all, the supervisor included.
  const memory = Number(line(body, "process_resident_memory_bytes"));
  expect(memory).toBeGreaterThan(
    2.5 * Number(line((await metricsOf(0).text()).body, "process_resident_memory_bytes")),
  );
});

it("have the restarts of each kind at 0 from the start", async () => {
  const { body } = await metricsOf(0, () => new SupervisorMetrics().toSend(new Set())).text();
  for (const kind of ["reader", "writer"]) {
    expect(line(body, `vidimus_process_restarts_total{process="${kind}"}`)).toBe("0");
  }
});

it.each([
  ["nodejs_eventloop_lag_seconds", [1, 7, 2], "7"],
  ["nodejs_eventloop_lag_p99_seconds", [0.01, 0.01, 0.5], "0.5"],
  ["process_open_fds", [60, 900, 30], "900"],
  ["process_max_fds", [1_000, 1_000, 1_000], "1000"],
])("tell the worst of several processes: %s", async (name, values, worst) => {
  const one = await sent(metricsOf(0));
  const processes = values.map((value) =>
    one.map((each) => (each.name === name ? { ...each, values: [{ value, labels: {} }] } : each)),
  );
  expect(line(await aggregated(processes), name)).toBe(worst);
});

it("have the names with others that they have alone, but for the start, which is the supervisor's", async () => {
  const names = ({ body }: { body: string }) => [...new Set(body.match(/^[a-z_]+(?=[ {])/gm))].sort();
  const alone = metricsOf(0);
  const beside = metricsOf(0, async () => []);
  for (const each of [alone, beside]) each.count("current", "GET", 200, 1);
  const expected = names(await alone.text()).filter((name) => name !== "process_start_time_seconds");
  expect(names(await beside.text())).toEqual(expected);
});

describe("counts of a process that ended", () => {
  /** A server of several processes, each with its number. */
  class Cluster {
    readonly supervisor = new SupervisorMetrics();
    readonly living = new Map<number, HttpMetrics>();
    #next = 1;

    begin(requests: number): number {
      const metrics = metricsOf(0);
      for (let i = 0; i < requests; i++) metrics.count("current", "GET", 200, 1);
      metrics.count("publish", "POST", 200, 4);
      this.living.set(this.#next, metrics);
      return this.#next++;
    }

    end(pid: number): void {
      this.living.delete(pid);
      this.supervisor.ended(pid);
    }

    /** What a process tells that is asked; `deaf` do not answer it. */
    async told(asked: number, deaf: readonly number[] = []): Promise<string> {
      const lists: SentMetrics[] = [];
      const telling = new Set<number>();
      for (const [pid, metrics] of this.living) {
        if (deaf.includes(pid)) continue;
        const list = await sent(metrics);
        this.supervisor.heard(pid, list);
        telling.add(pid);
        if (pid !== asked) lists.push(list);
      }
      const own = this.living.get(asked) as HttpMetrics;
      const fromSupervisor = await this.supervisor.toSend(telling);
      return await aggregated([await sent(own), ...structuredClone(fromSupervisor), ...lists]);
    }
  }

  it("stay counted, so that no sum ever falls, however many have ended", async () => {
    const cluster = new Cluster();
    const asked = cluster.begin(1);
    let expected = 1;
    for (let round = 1; round <= 12; round++) {
      const pid = cluster.begin(10);
      expected += 10;
      expect(line(await cluster.told(asked), reads)).toBe(String(expected));
      cluster.end(pid);
      const body = await cluster.told(asked);
      expect(line(body, reads)).toBe(String(expected));
      expect(line(body, "vidimus_publish_seconds_count")).toBe(String(round + 1));
      expect(line(body, 'vidimus_publish_seconds_bucket{le="0.005"}')).toBe(String(round + 1));
    }
    // They take no more room than a few.
    expect((await cluster.supervisor.toSend(new Set())).length).toBeLessThan(8);
  });

  it("stay counted while it is too busy to answer, and are not counted twice afterwards", async () => {
    const cluster = new Cluster();
    const [asked, busy] = [cluster.begin(1), cluster.begin(10)];
    expect(line(await cluster.told(asked), reads)).toBe("11");
    expect(line(await cluster.told(asked, [busy]), reads)).toBe("11");
    expect(line(await cluster.told(asked), reads)).toBe("11");
  });

  it("are of what grows only: its memory is not counted any more", async () => {
    const cluster = new Cluster();
    const [asked, other] = [cluster.begin(1), cluster.begin(1)];
    const memory = async () => Number(line(await cluster.told(asked), "nodejs_heap_size_total_bytes"));
    const before = await memory();
    cluster.end(other);
    expect(await memory()).toBeLessThan(0.8 * before);
  });
});

it("say how much can still be written", async () => {
  expect(line((await metricsOf(0).text()).body, "vidimus_data_free_bytes")).toBe("12");
});
