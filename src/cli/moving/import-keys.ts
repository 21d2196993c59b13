/** `vidimus import keys`: the online keys of an old notary-signer, brought to the server that takes its place. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import type { Outcome, Transferred } from "../../moving/key-transfer.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";
import { groupOf } from "./group.ts";
import { oldDatabase } from "./other-server.ts";

interface Flags extends TrustFlags {
  readonly signerDb?: string;
  readonly signerDump?: string;
  readonly oldPassphrase: readonly string[];
  readonly dryRun?: true;
  readonly json?: true;
}

const collect = (value: string, all: readonly string[]) => [...all, value];

export function addImportKeys(parent: Command, { context, client, finish }: Publishing): void {
  const keys = groupOf(parent)
    .command("keys")
    .description("take in the timestamp and snapshot keys of an old notary-signer, so that versions go on")
    .argument("[repositories...]", "names of repositories (default: all that the old signer names)")
    .option(
      "--signer-db <url>",
      "its PostgreSQL: postgres://USER@HOST:5432/DATABASE, the password in PGPASSWORD",
    )
    .option("--signer-dump <file>", "what mysqldump or mariadb-dump wrote of its MySQL or MariaDB")
    .option(
      "--old-passphrase <place>",
      "its passphrase: [ALIAS=]file:PATH, fd:NUMBER or env:NAME; may be repeated, also for one alias whose passphrase was changed (default: its own variables, NOTARY_SIGNER_ALIAS)",
      collect,
      [],
    )
    .option("--dry-run", "open the keys and say what would be brought, and bring nothing")
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples(
        "vidimus import keys --signer-db postgres://signer@db.example/notarysigner --server https://trust.example",
        "vidimus import keys --signer-dump signer.sql --old-passphrase file:old-passphrase",
      ),
    );
  addTrustFlags(keys).action(async (repositories: readonly string[]) => {
    const flags = keys.opts<Flags>();
    const [
      { rowsOf },
      { privateKeys },
      { readLockedKeys },
      { oldPassphrases },
      { keyServer },
      { transferKeys },
    ] = await Promise.all([
      import("../../moving/databases/source.ts"),
      import("../../moving/databases/tables.ts"),
      import("../../moving/old-keys.ts"),
      import("../../moving/old-passphrases.ts"),
      import("../../moving/key-server.ts"),
      import("../../moving/key-transfer.ts"),
    ]);
    const passphrases = oldPassphrases(flags.oldPassphrase, context.env);
    const trust = await openSending(flags, client);
    try {
      const { signerDb: url, signerDump: dump } = flags;
      const database =
        oldDatabase(keys, "signer", { url, dump }, context.env) ??
        keys.error("error: say where the old signer's keys are: --signer-db URL or --signer-dump FILE");
      const locked = await readLockedKeys(rowsOf(database, privateKeys));
      const servers = new Set<string>();
      const server = keyServer(async (repository) => {
        const { fetcher } = await trust.sender(repository);
        servers.add(fetcher.origin);
        return fetcher;
      });
      const done = await transferKeys(locked, {
        server,
        passphrases,
        repositories,
        dryRun: flags.dryRun === true,
      });
      if (flags.json === true)
        printJson(context, {
          format: "vidimus-import-keys/1",
          destination: [...servers].join(", "),
          dryRun: flags.dryRun === true,
          repositories: done,
        });
      else {
        printLine(context, transferText(done, flags.dryRun === true));
        printLine(context, `The new server is ${[...servers].join(", ")}.`);
      }
      if (done.some(({ outcome }) => outcome === "failed")) finish(exitCodes.oldKeysInPart.code);
    } finally {
      passphrases.close();
      await trust.close();
    }
  });
}

const words: Readonly<Record<Outcome, string>> = {
  taken: "taken in",
  held: "held already",
  absent: "not on this server",
  foreign: "not the old signer's",
  failed: "failed",
};

/** A line for each repository with what is next, and a sentence for each that failed. */
export function transferText(done: readonly Transferred[], dryRun: boolean): string {
  const rows = done.map((each) => [
    printable(each.repository),
    each.outcome === "taken" && dryRun ? "would be taken in" : words[each.outcome],
    each.keys.map(({ role, id }) => `${role} ${id.slice(0, 12)}`).join(", "),
    nextOf(each, dryRun),
  ]);
  const faults = done.flatMap(({ fault }) => (fault === undefined ? [] : [printable(fault)]));
  return [formatTable([["REPOSITORY", "KEYS", "WHICH", "NEXT"], ...rows]), ...faults].join("\n");
}

function nextOf({ repository, outcome, without }: Transferred, dryRun: boolean): string {
  if (outcome === "absent") return "take it over first: vidimus import notary";
  if (outcome === "failed") return "see below";
  if (without.includes("timestamp")) return `vidimus adopt ${printable(repository)}`;
  if (outcome === "taken" && dryRun) return "the same without --dry-run";
  return without.includes("snapshot") ? "nothing: its owner signs the snapshot" : "nothing: versions go on";
}
