/**
 * Metrics in Prometheus' text form. The names of the original stay, so that dashboards go on working; every label
 * comes from a closed set, so that no caller can make new series.
 *
 * A server of several processes answers for all of them, whichever is asked: `aggregate.ts` says how.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { TrustService } from "../service/service.ts";
import { aggregated, ofSupervisor, type SentMetrics } from "./aggregate.ts";
import type { Lack } from "./auth/refusal.ts";
import { addExpiryMetrics } from "./expiry-metrics.ts";
import type { Route } from "./routes.ts";

const operations: Partial<Record<Route["kind"], string>> = {
  publish: "UpdateTUF",
  digest: "GetRoleByHash",
  version: "GetRoleByVersion",
  current: "GetRole",
  key: "GetKey",
  rotate: "RotateKey",
  delete: "DeleteTUF",
  feed: "Changefeed",
  proposals: "ListProposals",
  repositoryProposals: "ListProposals",
  openProposal: "OpenProposal",
  proposal: "GetProposal",
  signProposal: "SignProposal",
  onlineKeys: "OnlineKeys",
  adoptOnlineKeys: "AdoptOnlineKeys",
  rejectProposal: "RejectProposal",
  cancelProposal: "CancelProposal",
  expiring: "ListExpiring",
  oldSignatures: "ListOldSignatures",
  retentionPlan: "PlanRetention",
  retentionRun: "RunRetention",
};

const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE"]);

/** Counts of one operation, method and status since the start; cheap to raise, read when somebody asks. */
interface Tally {
  readonly labels: { readonly operation: string; readonly method: string; readonly code: string };
  requests: number;
  microseconds: number;
}

/** Given what this process has to say. */
export type OtherMetrics = (own: SentMetrics) => Promise<readonly SentMetrics[]>;

export interface MetricSources {
  /** What `toSend` gave in the other processes of this server. Absent: there are none. */
  readonly others?: OtherMetrics;
  /** Bytes that can still be written where the data is. Absent: nothing is said of them. */
  readonly freeBytes?: () => Promise<number>;
}

export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #tallies: Tally[] = [];
  /** The same by operation, method and status: to find one, nothing has to be made. */
  readonly #found = new Map<string, Map<string, Map<number, Tally>>>();
  readonly #refusals: Counter<"code">;
  readonly #policyRefusals: Counter<"code">;
  readonly #accessRefusals: Counter<"lack">;
  readonly #publishSeconds: Histogram;
  readonly #others: OtherMetrics | undefined;

  constructor(
    service: Pick<
      TrustService,
      "renewalLag" | "mark" | "policyFault" | "damageMet" | "proposals" | "expiry" | "outbox"
    >,
    { others, freeBytes }: MetricSources = {},
  ) {
    this.#others = others;
    collectDefaultMetrics({ register: this.#registry });
    const tallies = this.#tallies;
    const labelNames = ["operation", "method", "code"] as const;
    const registers = [this.#registry];
    new Counter({
      name: "notary_server_http_requests_total",
      help: "Requests answered.",
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const { labels, requests } of tallies) this.inc(labels, requests);
      },
    });
    new Counter({
      name: "notary_server_http_request_duration_microseconds_sum",
      help: "Time from the request's head to the end of its answer.",
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const { labels, microseconds } of tallies) this.inc(labels, microseconds);
      },
    });
    new Gauge({
      name: "vidimus_renewal_lag_seconds",
      help: "How long the most overdue online role has been waiting for its renewal; 0 when none is overdue.",
      registers,
      aggregator: "max",
      async collect() {
        // A store that cannot be asked must not take the other metrics with it.
        this.set(
          await service.renewalLag().then(
            (lag) => lag / 1_000,
            () => Number.NaN,
          ),
        );
      },
    });
    if (freeBytes !== undefined) {
      new Gauge({
        name: "vidimus_data_free_bytes",
        help: "Bytes that can still be written to the file system of the data directory.",
        registers,
        aggregator: "max",
        async collect() {
          this.set(await freeBytes());
        },
      });
    }
    new Gauge({
      name: "vidimus_store_behind",
      help: "1 while the store is behind its high-water mark, so that nothing can be published; else 0.",
      registers,
      aggregator: "max",
      collect() {
        this.set(service.mark().behind ? 1 : 0);
      },
    });
    new Gauge({
      name: "vidimus_mark_lag_seconds",
      help: "Age of the oldest commit that the high-water mark does not have yet; 0 when it has all.",
      registers,
      aggregator: "max",
      collect() {
        this.set(service.mark().lag / 1_000);
      },
    });
    new Counter({
      name: "vidimus_store_damage_total",
      help: "How often damage of the store was met since the start, by requests and by what the server does by itself.",
      registers,
      collect() {
        this.reset();
        this.inc(service.damageMet());
      },
    });
    new Gauge({
      name: "vidimus_policy_stale",
      help: "1 while the policy in force is an earlier one, because its file could not be used when it was read again.",
      registers,
      aggregator: "max",
      collect() {
        this.set(service.policyFault() === undefined ? 0 : 1);
      },
    });
    // A store that cannot be asked must not take the other metrics with it.
    const facts = () => service.proposals.facts().catch(() => undefined);
    new Gauge({
      name: "vidimus_proposals_open",
      help: "Proposals that wait for signatures.",
      registers,
      aggregator: "max",
      async collect() {
        this.set((await facts())?.open ?? Number.NaN);
      },
    });
    new Counter({
      name: "vidimus_proposals_total",
      help: "Proposals that ended since the start, by how: published, rejected, expired.",
      labelNames: ["outcome"],
      registers,
      async collect() {
        this.reset();
        const { published = 0, rejected = 0, expired = 0 } = (await facts()) ?? {};
        for (const [outcome, count] of Object.entries({ published, rejected, expired })) {
          this.inc({ outcome }, count);
        }
      },
    });
    addExpiryMetrics(this.#registry, service);
    this.#refusals = new Counter({
      name: "vidimus_refusals_total",
      help: "Requests refused, by stable code.",
      labelNames: ["code"],
      registers,
    });
    this.#policyRefusals = new Counter({
      name: "vidimus_policy_refusals_total",
      help: "Publications that the policy refused, by the code of each reason; one publication may have several.",
      labelNames: ["code"],
      registers,
    });
    this.#accessRefusals = new Counter({
      name: "vidimus_access_refusals_total",
      help: "Requests whose caller was not let in, by what was lacking: missing, invalid_token, insufficient_scope.",
      labelNames: ["lack"],
      registers,
    });
    this.#publishSeconds = new Histogram({
      name: "vidimus_publish_seconds",
      help: "Time to answer a publish, refused or not.",
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
      registers,
    });
  }

  count(kind: Route["kind"], method: string, status: number, milliseconds: number): void {
    const operation = operations[kind] ?? "Other";
    const known = methods.has(method) ? method : "OTHER";
    const tally = this.#found.get(operation)?.get(known)?.get(status) ?? this.#make(operation, known, status);
    tally.requests++;
    tally.microseconds += Math.round(milliseconds * 1_000);
    if (kind === "publish") this.#publishSeconds.observe(milliseconds / 1_000);
  }

  /** `reasons`: of a publication that has several; each counts. */
  refused(code: string, reasons: readonly string[] = []): void {
    this.#refusals.inc({ code });
    for (const reason of reasons) this.#policyRefusals.inc({ code: reason });
  }

  /** Of whoever was not let in. It counts among the refusals, too. */
  notLetIn(lack: Lack): void {
    this.#accessRefusals.inc({ lack });
  }

  async text(): Promise<{ readonly type: string; readonly body: string }> {
    return { type: this.#registry.contentType, body: await this.#body() };
  }

  async #body(): Promise<string> {
    if (this.#others === undefined) return await this.#registry.metrics();
    const own = await this.toSend();
    return await aggregated([own, ...(await this.#others(own))]);
  }

  /** For another process of this server. */
  async toSend(): Promise<SentMetrics> {
    const all = await this.#registry.getMetricsAsJSON();
    return all.filter(({ name }) => !ofSupervisor.has(name));
  }

  #make(operation: string, method: string, status: number): Tally {
    const tally: Tally = {
      labels: { operation, method, code: String(status) },
      requests: 0,
      microseconds: 0,
    };
    const byMethod = this.#found.get(operation) ?? new Map<string, Map<number, Tally>>();
    const byStatus = byMethod.get(method) ?? new Map<number, Tally>();
    this.#found.set(operation, byMethod.set(method, byStatus.set(status, tally)));
    this.#tallies.push(tally);
    return tally;
  }
}
