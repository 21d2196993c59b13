/**
 * What several processes of one server say of themselves, as one.
 *
 * Counts and sizes are added up, as the library has it. Of what somebody has to wait for, and of what may run out in each
 * process by itself, the worst counts: an average would hide the one process that is in need behind those that idle.
 */
import { AggregatorRegistry, type MetricObject } from "prom-client";

/** The metrics of one process, as they cross to another. */
export type SentMetrics = readonly MetricObject[];

/** Told by the supervisor alone: each process has another, and a server began when its supervisor did. */
export const ofSupervisor: ReadonlySet<string> = new Set(["process_start_time_seconds"]);

const aggregators: ReadonlyMap<string, MetricObject["aggregator"]> = new Map([
  ["process_start_time_seconds", "first"],
  ["nodejs_eventloop_lag_seconds", "max"],
  ["nodejs_eventloop_lag_mean_seconds", "max"],
  ["nodejs_eventloop_lag_stddev_seconds", "max"],
  ["nodejs_eventloop_lag_p50_seconds", "max"],
  ["nodejs_eventloop_lag_p90_seconds", "max"],
  ["nodejs_eventloop_lag_p99_seconds", "max"],
  ["process_open_fds", "max"],
  ["process_max_fds", "min"],
]);

/** What only ever grows while a process lives. */
export function countsOf(metrics: SentMetrics): SentMetrics {
  // A number as declared, a word as it is.
  return metrics.filter(({ type }) => ["counter", "histogram"].includes(String(type)));
}

/** One process that has counted what all of them did. */
export async function summed(processes: readonly SentMetrics[]): Promise<SentMetrics> {
  return await AggregatorRegistry.aggregate(processes.map((each) => [...each])).getMetricsAsJSON();
}

/** The text of all. */
export async function aggregated(processes: readonly SentMetrics[]): Promise<string> {
  const all = processes.map((metrics) =>
    metrics.map((metric) => ({
      ...metric,
      aggregator: aggregators.get(metric.name) ?? metric.aggregator,
    })),
  );
  return await AggregatorRegistry.aggregate(all).metrics();
}
