/**
 * Metrics of what ends and of what is to be told. Labels are kinds and configured distances: repositories have none, so
 * that their number makes no series.
 *
 * One process of a server looks for what ends; in the others these metrics have no values.
 */
import { Gauge, type Registry } from "prom-client";
import type { TrustService } from "../service/service.ts";

export type ExpiryFacts = Pick<TrustService, "expiry" | "outbox">;

export function addExpiryMetrics(register: Registry, service: ExpiryFacts): void {
  const registers = [register];
  const { expiry } = service;
  new Gauge({
    name: "vidimus_next_expiry_timestamp_seconds",
    help: "When the next role, certificate or token of a kind ends that had not ended yet; absent where there is none.",
    labelNames: ["kind"],
    registers,
    aggregator: "min",
    collect() {
      this.reset();
      for (const [kind, at] of expiry.facts()?.next ?? []) this.set({ kind }, at / 1_000);
    },
  });
  new Gauge({
    name: "vidimus_expired",
    help: "Roles, certificates and tokens of a kind that have ended and are still there.",
    labelNames: ["kind"],
    registers,
    aggregator: "max",
    collect() {
      this.reset();
      for (const [kind, count] of expiry.facts()?.expired ?? []) this.set({ kind }, count);
    },
  });
  new Gauge({
    name: "vidimus_expiring",
    help: "Roles, certificates and tokens that end within so many days and have not ended yet.",
    labelNames: ["days"],
    registers,
    aggregator: "max",
    collect() {
      this.reset();
      for (const [days, count] of expiry.facts()?.within ?? []) this.set({ days: String(days) }, count);
    },
  });
  new Gauge({
    name: "vidimus_old_signatures",
    help: "Current files with targets that were signed, or first seen without a date, longer ago than the policy's signatures.maxAge.",
    // No value before the first look, and so no zero that nobody counted.
    labelNames: [],
    registers,
    aggregator: "max",
    collect() {
      const facts = expiry.facts();
      if (facts === undefined) this.remove();
      else this.set(facts.oldSignatures);
    },
  });
  new Gauge({
    name: "vidimus_expiry_check_timestamp_seconds",
    help: "When the last whole look for what ends was over; 0 before the first.",
    registers,
    aggregator: "max",
    collect() {
      this.set((expiry.facts()?.at ?? 0) / 1_000);
    },
  });
  // A store that cannot be asked must not take the other metrics with it.
  const facts = () => service.outbox().catch(() => undefined);
  new Gauge({
    name: "vidimus_outbox_waiting",
    help: "Announcements that somebody has not heard yet, one for each receiver.",
    registers,
    aggregator: "max",
    async collect() {
      this.set((await facts())?.waiting ?? Number.NaN);
    },
  });
  new Gauge({
    name: "vidimus_outbox_dead",
    help: "Announcements that were given up, one for each receiver, as far as they are remembered.",
    registers,
    aggregator: "max",
    async collect() {
      this.set((await facts())?.dead ?? Number.NaN);
    },
  });
  new Gauge({
    name: "vidimus_outbox_oldest_timestamp_seconds",
    help: "When the oldest announcement that waits was made; 0 when none waits.",
    registers,
    aggregator: "max",
    async collect() {
      this.set(((await facts())?.oldest ?? 0) / 1_000);
    },
  });
}
