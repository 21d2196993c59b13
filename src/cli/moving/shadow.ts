/** `vidimus shadow`: whether this server and a Notary that it stands beside serve the same, before or after the switch. */
import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import type { FileState } from "../../moving/shadow/compare.ts";
import type { Compared } from "../../moving/shadow/shadow.ts";
import type { ShadowState } from "../../moving/shadow/state.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
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
  readonly state?: string;
  readonly all?: true;
  readonly inFlight: string;
  readonly rate: string;
  readonly json?: true;
}

/** Milliseconds before what differs is read again. */
const pause = 1_000;

export function addShadow(parent: Command, publishing: Publishing): void {
  const { context, client, finish } = publishing;
  const command = parent
    .command("shadow")
    .description("compare what this server serves with what a Notary serves, and say what differs since when")
    .argument("<url>", "the Notary: https://notary.example.org")
    .argument("[repositories...]", "names of repositories (default: all that changed at either server)")
    .option("--names <file>", "a file with one name of a repository a line")
    .option("--state <file>", "remember here how far was compared, and since when what differs")
    .option("--all", "compare everything that both changefeeds name, whatever the state says")
    .option("--in-flight <number>", "repositories at a time, 1 to 64", "8")
    .option("--rate <number>", "requests a second to each server, 1 to 10000", "50")
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples(
        "vidimus shadow https://notary.example.org --state shadow.json --server https://trust.example",
        "vidimus shadow https://notary.example.org registry.acme.example/app --server https://trust.example",
      ),
    );
  addOldServerFlags(command);
  addTrustFlags(command).action(async (url: string, named: readonly string[]) => {
    const flags = command.opts<Flags>();
    const inFlight = numberOf(command, flags.inFlight, "--in-flight", 64);
    const rate = numberOf(command, flags.rate, "--rate", 10_000);
    const repositories = [...(namesOf(command, context, named, flags.names) ?? [])];
    const [{ compareServers }, { freshState, readState, writeState }, { usualCrawlLimits }, { notary }] =
      await Promise.all([
        import("../../moving/shadow/shadow.ts"),
        import("../../moving/shadow/state.ts"),
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
      const compared = await compareServers(
        {
          here,
          there,
          repositories,
          crawl: { format: notary, limits: usualCrawlLimits, now: client.now },
          inFlight,
          pause: () => setTimeout(pause),
          onState: async (state) => (path === undefined ? undefined : await writeState(path, state)),
        },
        before,
      );
      if (flags.json === true) {
        const differences = compared.differences.map(({ since, ...rest }) => ({
          ...rest,
          since: dateOf(since),
        }));
        printJson(context, {
          format: "vidimus-shadow-report/1",
          here: here.origin,
          there: there.origin,
          compared: compared.compared,
          differences,
        });
      } else printLine(context, told(compared));
      if (compared.differences.length > 0) finish(exitCodes.shadowDiffers.code);
    } finally {
      there.close();
      await trust.close();
    }
  });
}

function told({ compared, differences }: Compared): string {
  const looked = `${compared} ${compared === 1 ? "repository was" : "repositories were"} compared`;
  if (differences.length === 0) return `${looked}: both servers serve the same.`;
  const rows = differences.map(({ repository, role = "", code, here, there, since }) => [
    printable(repository),
    printable(role),
    code,
    versionOf(here),
    versionOf(there),
    dateOf(since),
  ]);
  const sentences = new Set(differences.map(({ sentence }) => printable(sentence)));
  return [
    formatTable([["REPOSITORY", "ROLE", "", "HERE", "THERE", "SINCE"], ...rows]),
    ...sentences,
    `${looked}.`,
  ].join("\n");
}

const versionOf = (file: FileState | undefined) => (file === undefined ? "" : String(file.version));
const dateOf = (at: number) => new Date(at).toISOString();
