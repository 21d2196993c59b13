/** `vidimus shadow`: whether this server and a Notary that it stands beside serve the same, before or after the switch. */
import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import type { ShadowState } from "../../moving/shadow/state.ts";
import { exitCodes } from "../exit-codes.ts";
import { printJson, printLine } from "../output.ts";
import { progressOf } from "../progress.ts";
import type { Publishing } from "../publishing/tools.ts";
import {
  addOldServerFlags,
  namesOf,
  numberOf,
  type OldServerFlags,
  otherServer,
  thisServer,
} from "./other-server.ts";

interface Flags extends TrustFlags, OldServerFlags {
  readonly names?: string;
  readonly except?: string;
  readonly state?: string;
  readonly metrics?: string;
  readonly all?: true;
  readonly inFlight: string;
  readonly rate: string;
  readonly json?: true;
}

/** Milliseconds before what differs is read again. */
const pause = 1_000;
/** Milliseconds between two writings of the state, which may be large, while a comparison goes on. */
const betweenStates = 10_000;

export function addShadow(parent: Command, publishing: Publishing): void {
  const { context, client, finish } = publishing;
  const command = parent
    .command("shadow")
    .description("compare what this server serves with what a Notary serves, and say what differs since when")
    .argument("<url>", "the Notary: https://notary.example.org")
    .argument("[repositories...]", "names of repositories (default: all that changed at either server)")
    .option("--names <file>", "a file with one name of a repository a line")
    .option("--except <file>", "a file with names that are not compared, one a line")
    .option("--state <file>", "remember here how far was compared, and since when what differs")
    .option("--metrics <file>", "write here what was found, for the textfile collector of a node exporter")
    .option("--all", "compare everything that both changefeeds name, whatever the state says")
    .option("--in-flight <number>", "repositories at a time, 1 to 64", "8")
    .option("--rate <number>", "requests a second to each server, 1 to 10000", "50")
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples(
        "vidimus shadow https://notary.example.org --state shadow.json --metrics shadow.prom --server https://trust.example",
        "vidimus shadow https://notary.example.org registry.acme.example/app --server https://trust.example",
      ),
    );
  addOldServerFlags(command);
  addTrustFlags(command).action(async (url: string, named: readonly string[]) => {
    const flags = command.opts<Flags>();
    const inFlight = numberOf(command, flags.inFlight, "--in-flight", 64);
    const rate = numberOf(command, flags.rate, "--rate", 10_000);
    const repositories = namesOf(command, context, named, flags.names);
    const except = namesOf(command, context, [], flags.except) ?? new Set<string>();
    const [
      { compareServers },
      { freshState, readState, writeMetrics, writeState },
      report,
      { usualCrawlLimits },
      { notary },
    ] = await Promise.all([
      import("../../moving/shadow/shadow.ts"),
      import("../../moving/shadow/state.ts"),
      import("./shadow-report.ts"),
      import("./take-over.ts"),
      import("../../core/format/notary.ts"),
    ]);
    const trust = await openSending(flags, client);
    const other = { url, flags, inFlight, rate };
    const { source: there } = await otherServer(publishing, other);
    try {
      const here = await thisServer(trust, rate);
      const { state: path } = flags;
      const known =
        path === undefined
          ? freshState(here.origin, there.origin)
          : await readState(path, here.origin, there.origin);
      const before: ShadowState =
        flags.all === true ? { ...known, read: { here: "", there: "" }, under: undefined } : known;
      let written = performance.now();
      const compared = await compareServers(
        {
          here,
          there,
          repositories,
          except,
          crawl: { format: notary, limits: usualCrawlLimits, now: client.now },
          inFlight,
          pause: () => setTimeout(pause),
          onLook: (name, number, of) => progressOf(context).tell(`comparing ${number} of ${of}: ${name}`),
          async onState(state, progress) {
            const isEarly = progress === "part" && performance.now() - written < betweenStates;
            if (path === undefined || isEarly) return;
            await writeState(path, state);
            written = performance.now();
          },
        },
        before,
      );
      const ended = { here: here.origin, there: there.origin, at: client.now() };
      if (flags.json === true) printJson(context, report.documentOf(compared, ended));
      else printLine(context, report.told(compared));
      if (flags.metrics !== undefined) {
        await writeMetrics(flags.metrics, await report.metricsOf(compared, ended));
      }
      if (compared.differences.length > 0) finish(exitCodes.shadowDiffers.code);
      else if (compared.uncompared.length > 0) finish(exitCodes.shadowInPart.code);
    } finally {
      there.close();
      await trust.close();
    }
  });
}
