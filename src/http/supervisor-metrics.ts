/** What the supervisor of a server with workers tells of itself: what any process does, and whom it started again. */
import { Counter, collectDefaultMetrics, Registry } from "prom-client";
import type { SentMetrics } from "./aggregate.ts";

export class SupervisorMetrics {
  readonly #registry = new Registry();
  readonly #restarts: Counter<"process">;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#restarts = new Counter({
      name: "vidimus_process_restarts_total",
      help: "Readers and writers that were started again because one had ended unasked, or was not ready.",
      labelNames: ["process"],
      registers: [this.#registry],
    });
    // A series that begins with its first restart would hide that one from whoever asks for the increase.
    for (const process of ["reader", "writer"]) this.#restarts.inc({ process }, 0);
  }

  restarted(process: "reader" | "writer"): void {
    this.#restarts.inc({ process });
  }

  /** For the process that was asked for the metrics of all. */
  async toSend(): Promise<SentMetrics> {
    return await this.#registry.getMetricsAsJSON();
  }
}
