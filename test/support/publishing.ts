/** A simulated repository and the server it is published to, side by side. */
import { notary } from "../../src/core/format/notary.ts";
import type { Plan } from "../../src/core/publication.ts";
import { Published } from "./published.ts";
import { outcome } from "./refusals.ts";
import { Simulator, someTarget } from "./simulator.ts";

export class Publishing {
  readonly sim: Simulator;
  readonly server: Published;
  /** Roles whose keys the server holds. */
  held: ("timestamp" | "snapshot")[] = ["timestamp", "snapshot"];

  private constructor(sim: Simulator) {
    this.sim = sim;
    this.server = new Published(sim.repository);
  }

  /** Nothing is published yet; the simulator's first generation waits. */
  static async create(): Promise<Publishing> {
    return new Publishing(await Simulator.create());
  }

  verdict(upload: Iterable<readonly [string, Buffer]>): Plan {
    return this.server.examine(upload, this.sim.onlineKeys(...this.held), this.sim.now);
  }

  code(upload: Iterable<readonly [string, Buffer]>): string {
    return outcome(() => this.verdict(upload));
  }

  /** What the newest generation brings, as its publisher sends it. */
  upload(): Map<string, Buffer> {
    return this.sim.upload(this.held.includes("snapshot") ? "without snapshot" : "with snapshot");
  }

  /** Served files of some roles, broken or not. */
  files(...roles: string[]): (readonly [string, Buffer])[] {
    return roles.map((role) => [role, this.sim.served.get(role) as Buffer] as const);
  }

  /** Publishes the newest generation, which must be accepted. The server then has the simulator's files. */
  accept(): Plan {
    const plan = this.verdict(this.upload());
    const signed = this.files("snapshot", "timestamp").map(([role, bytes]) => notary.parse(role, bytes));
    this.server.apply(plan, signed);
    return plan;
  }

  /** A new generation with one more target. */
  release(name = "new"): void {
    this.sim.targetsOf("targets").names.set(name, someTarget(name));
    this.sim.publish();
  }
}
