/** Some repositories with their people and readers, and one server that they work with. */
import { setTimeout } from "node:timers/promises";
import { loadConfig } from "../../../src/config.ts";
import { fsck } from "../../../src/wire/fsck.ts";
import { Chance } from "./chance.ts";
import { check } from "./checker.ts";
import { Daemon, type DaemonOptions, type Running } from "./daemon.ts";
import { History } from "./history.ts";
import { Keeper } from "./keeper.ts";
import { Shim } from "./shim.ts";
import { type Line, Watcher } from "./watcher.ts";

/** A timestamp is due six minutes after it was made, so that a few of the shim's minutes make the refresher work. */
const hasty = {
  "online.timestamp.lifetime": "1h",
  "online.renewal": "0.1",
  "online.checkInterval": "1s",
  "signer.algorithm": "ed25519",
};

export class World {
  readonly history = new History();
  readonly watcher = new Watcher(this.history);
  readonly keepers: readonly Keeper[];
  readonly daemon: Daemon;
  readonly shim: Shim;
  readonly chance: Chance;
  #disposed = false;

  constructor(label: string, repositories: number, options: DaemonOptions = {}) {
    this.chance = new Chance(label);
    this.daemon = new Daemon({ ...options, settings: { ...hasty, ...options.settings } });
    this.shim = new Shim(this.daemon.directory);
    this.keepers = Array.from({ length: repositories }, (_, i) => {
      const chance = new Chance(`${label} ${i}`);
      return new Keeper(`example.org/${i}`, { history: this.history, watcher: this.watcher, chance });
    });
  }

  /** Starts the server under the shim. */
  async start(traced = false): Promise<Running> {
    return await this.daemon.start({ env: this.shim.env(traced), now: this.shim.now });
  }

  /**
   * Everybody works until `enough` says so, which is asked before each step, or until the server does not answer. One
   * reader goes about beside each keeper, who may ask another server.
   */
  async work(line: Line, enough: () => boolean, readersLine = line): Promise<void> {
    let over = false;
    const keep = async (keeper: Keeper) => {
      while (!over && !enough() && (await keeper.step(line)));
      over = true;
    };
    const watch = async () => {
      while (!over) {
        const { repository } = this.chance.pick(this.keepers as [Keeper, ...Keeper[]]);
        if (this.chance.happens(0.1)) await this.watcher.feed(readersLine).catch(() => []);
        if ((await this.watcher.view(readersLine, repository)) === undefined) return;
      }
    };
    await Promise.all(this.keepers.flatMap((keeper) => [keep(keeper), watch()]));
  }

  /**
   * The same with a server of several processes, of which one or the other may be gone: who gets nowhere tries again a
   * moment later, until it is over. Readers take a moment, too: what starts again needs the processor.
   */
  async persist(line: Line, isOver: () => boolean, readersLine = line): Promise<void> {
    const keep = async (keeper: Keeper) => {
      while (!isOver()) {
        const before = keeper.acknowledged;
        await keeper.step(line);
        if (keeper.acknowledged === before) await setTimeout(50);
      }
    };
    const watch = async () => {
      while (!isOver()) {
        const { repository } = this.chance.pick(this.keepers as [Keeper, ...Keeper[]]);
        if (this.chance.happens(0.1)) await this.watcher.feed(readersLine).catch(() => []);
        await this.watcher.view(readersLine, repository);
        await setTimeout(10);
      }
    };
    await Promise.all(this.keepers.flatMap((keeper) => [keep(keeper), watch()]));
  }

  /** At rest: everything is looked at once more, and what the checker and `vidimus fsck` say of it all. */
  async verdict(line: Line): Promise<string[]> {
    for (const keeper of this.keepers) {
      await keeper.recall(line);
      await this.watcher.view(line, keeper.repository);
    }
    await this.watcher.feed(line, 7);
    const unread = (await this.watcher.trail(line)) ? [] : ["TRAIL_UNREAD the audit trail could not be read"];
    await this.watcher.feed(line);
    const told = check(this.history.happenings).map(({ code, sentence }) => `${code} ${sentence}`);
    return [...told, ...unread, ...(await this.#damages())];
  }

  /** Beside the server. Whatever it went through, it left no row that is not as it should be. */
  async #damages(): Promise<string[]> {
    const flags = [{ flag: "--data", key: "data", text: this.daemon.data }];
    const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
    const told: string[] = [];
    await fsck(config, { openKeys: true }, ({ code, repository = "", role = "", sentence }) =>
      told.push(`FSCK ${code} ${repository} ${role} ${sentence}`),
    );
    return told;
  }

  /** Of all keepers: what they were told that was no acknowledgement, how often. */
  answers(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { answers } of this.keepers) {
      for (const [name, count] of answers) all[name] = (all[name] ?? 0) + count;
    }
    return all;
  }

  get acknowledged(): number {
    return this.keepers.reduce((sum, keeper) => sum + keeper.acknowledged, 0);
  }

  /** Idempotent. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.daemon.dispose();
    this.shim.dispose();
  }
}
