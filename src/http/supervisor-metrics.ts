/**
 * What the supervisor of a server with workers tells: of itself what any process does, whom it started again, and what
 * those had counted that tell nothing now.
 *
 * A sum that falls is taken for a restart of everything by whoever asks for the increase: the whole of it would count as
 * new. So what a process was heard to have counted stays counted when it ends, or is too busy to answer.
 */
import { Counter, collectDefaultMetrics, Registry } from "prom-client";
import { countsOf, type SentMetrics, summed } from "./aggregate.ts";

/** So many that ended are told one by one before they become one. */
const mostGone = 4;

export class SupervisorMetrics {
  readonly #registry = new Registry();
  readonly #restarts: Counter<"process">;
  /** The newest counts of each process that lives, and of those that have ended since they were last sent. */
  readonly #heard = new Map<number, SentMetrics>();
  readonly #ended = new Set<number>();
  /** Of all that ended before. */
  readonly #gone: SentMetrics[] = [];
  #folding = false;

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

  heard(pid: number, metrics: SentMetrics): void {
    this.#heard.set(pid, countsOf(metrics));
  }

  ended(pid: number): void {
    if (this.#heard.has(pid)) this.#ended.add(pid);
  }

  /** For the process that was asked for the metrics of all. `telling`: processes that tell theirs to it at this time. */
  async toSend(telling: ReadonlySet<number>): Promise<readonly SentMetrics[]> {
    const own = await this.#registry.getMetricsAsJSON();
    const silent = [...this.#heard].flatMap(([pid, counts]) => (telling.has(pid) ? [] : [counts]));
    const all = [own, ...this.#gone, ...silent];
    for (const pid of this.#ended) {
      this.#gone.push(this.#heard.get(pid) ?? []);
      this.#heard.delete(pid);
    }
    this.#ended.clear();
    void this.#fold();
    return all;
  }

  /** So that the processes of a year take no more room than those of a day. */
  async #fold(): Promise<void> {
    const several = [...this.#gone];
    if (this.#folding || several.length < mostGone) return;
    this.#folding = true;
    const one = await summed(several);
    this.#gone.splice(0, several.length, one);
    this.#folding = false;
  }
}
