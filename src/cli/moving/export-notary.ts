/**
 * `vidimus export notary`: repositories back to a Notary, or into a folder, bytes untouched.
 *
 * Everything is read, verified and compared before anything is written; if one repository cannot go back, none does unless that
 * was asked for. Keys of this server never leave it.
 */
import { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import type { Trust } from "../../client/trust.ts";
import type { Crawl } from "../../moving/crawl.ts";
import type { Destination } from "../../moving/destination.ts";
import type { Patience } from "../../moving/patience.ts";
import type { Finding, Report } from "../../moving/report.ts";
import type { Publishing } from "../publishing/tools.ts";
import { cannotGo, endExport, wordsOfExport } from "./export-report.ts";
import { importProgress } from "./import-progress.ts";
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
  readonly serverDb?: string;
  readonly signerDb?: string;
  readonly withoutKeys?: true;
  readonly past?: true;
  readonly leaveOut?: true;
  readonly inFlight: string;
  readonly rate: string;
  readonly dryRun?: true;
  readonly json?: true;
}

const mostNames = 1_000_000;

export function addExportNotary(parent: Command, publishing: Publishing): void {
  const { context, client } = publishing;
  const group = new Command("export")
    .description("take repositories back to a Notary, or into a folder")
    .copyInheritedSettings(parent);
  parent.addCommand(group);
  const command = group
    .command("notary")
    .description("take repositories back to a Notary server, or into a folder, bytes untouched")
    .argument("<place>", "the Notary: https://notary.example.org; or a folder")
    .argument("[repositories...]", "names of repositories (default: all that this server names)")
    .option("--names <file>", "a file with one name of a repository a line")
    .option(
      "--server-db <url>",
      "into the Notary's PostgreSQL, where its publish interface would refuse them: postgres://USER@HOST:5432/DATABASE, the password in PGPASSWORD",
    )
    .option(
      "--signer-db <url>",
      "with --server-db: the old signer's PostgreSQL, to see that it holds the keys",
    )
    .option(
      "--without-keys",
      "with --server-db: also those whose keys the old signer lacks, or nobody can say",
    )
    .option("--past", "older versions too, not only all roots and what is current")
    .option("--leave-out", "take the others back, though some cannot go")
    .option("--in-flight <number>", "repositories at a time, 1 to 64", "8")
    .option("--rate <number>", "requests a second, 1 to 10000", "200")
    .option("--dry-run", "read, verify and compare everything, and write nothing")
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples(
        "vidimus export notary back --past --server https://trust.example",
        "vidimus export notary https://notary.example.org registry.acme.example/app --server https://trust.example --dry-run",
      ),
    );
  addOldServerFlags(command);
  addTrustFlags(command).action(async (place: string, repositories: readonly string[]) => {
    const flags = command.opts<Flags>();
    checkFlags(command, place, flags);
    const named = namesOf(command, context, repositories, flags.names);
    const inFlight = numberOf(command, flags.inFlight, "--in-flight", 64);
    const rate = numberOf(command, flags.rate, "--rate", 10_000);
    const [{ takeOver, usualCrawlLimits }, { ownOffer }, { notary }] = await Promise.all([
      import("./take-over.ts"),
      import("../../moving/back/own-offer.ts"),
      import("../../core/format/notary.ts"),
    ]);
    const trust = await openSending(flags, client);
    const json = flags.json === true;
    const progress = importProgress(context, { from: "what this server has", json, words: wordsOfExport });
    const notes = new Map<string, Finding>();
    const closing: (() => Promise<void> | void)[] = [() => trust.close(), () => progress.end()];
    try {
      const patience = { onSlow: progress.onSlow };
      const source = await thisServer(trust, rate, patience);
      const crawl: Crawl = { source, format: notary, limits: usualCrawlLimits, now: client.now };
      const destination = await destinationOf(publishing, {
        place,
        flags,
        crawl,
        trust,
        notes,
        closing,
        inFlight,
        rate,
        patience,
      });
      const wanted = named ?? source.names(mostNames);
      const run = (names: Iterable<string> | AsyncIterable<string>, dryRun: boolean, past: boolean) =>
        takeOver(
          { offer: ownOffer(crawl, { past }), destination, dryRun, inFlight, onDone: progress.onDone },
          names,
        );
      const hasPast = flags.past === true && !isServer(place, flags);
      const foreseen = await run(wanted, true, hasPast && flags.dryRun === true);
      const bad = foreseen.filter(cannotGo);
      const stays = flags.dryRun === true || (bad.length > 0 && flags.leaveOut !== true);
      // Where nothing is missing, nothing is written and nothing has to be read once more.
      const isDone = (report: Report) => cannotGo(report) || (!hasPast && report.outcome === "same");
      const good = foreseen.filter((report) => !isDone(report)).map(({ repository }) => repository);
      const reports = stays
        ? foreseen
        : [...(await run(good, false, hasPast)), ...foreseen.filter(isDone)].sort(byName);
      progress.end();
      await endExport(publishing, reports, {
        place,
        dryRun: stays,
        json: flags.json === true,
        notes,
        isRefused: stays && bad.length > 0 && flags.dryRun !== true,
      });
    } finally {
      for (const close of closing.reverse()) await close();
    }
  });
}

const byName = (a: Report, b: Report) => (a.repository < b.repository ? -1 : 1);

/** Whether it goes to a server by its publish interface. */
function isServer(place: string, { serverDb }: Flags): boolean {
  return serverDb === undefined && /^https?:/.test(place);
}

function checkFlags(command: Command, place: string, flags: Flags): void {
  const { serverDb, signerDb, withoutKeys } = flags;
  if (serverDb === undefined) {
    if (signerDb !== undefined || withoutKeys === true) {
      command.error("error: --signer-db and --without-keys go with --server-db");
    }
    if (flags.past === true && isServer(place, flags)) {
      command.error("error: a publish interface takes no past: leave --past out, or give --server-db");
    }
    return;
  }
  if (!/^https?:/.test(place)) {
    command.error(
      "error: with --server-db, name the Notary that uses the database: https://notary.example.org",
    );
  }
  if (signerDb === undefined && withoutKeys !== true) {
    command.error(
      "error: give --signer-db URL to see that the old signer holds the keys, or --without-keys to go on without",
    );
  }
}

interface Going {
  readonly place: string;
  readonly flags: Flags;
  readonly crawl: Crawl;
  readonly trust: Trust;
  readonly notes: Map<string, Finding>;
  readonly closing: (() => Promise<void> | void)[];
  readonly inFlight: number;
  readonly rate: number;
  readonly patience: Patience;
}

async function destinationOf(publishing: Publishing, going: Going): Promise<Destination> {
  const { place, flags, crawl, closing, inFlight, rate, patience } = going;
  const { olderAt, publishingDestination } = await import("../../moving/back/publishing.ts");
  const older = olderAt(crawl.source, crawl.limits.fileBytes);
  if (flags.serverDb !== undefined) return await tablesOf(publishing, going, flags.serverDb, older);
  if (!isServer(place, flags)) {
    const { folderDestination } = await import("../../moving/back/folder.ts");
    return await folderDestination({ folder: place, rules: crawl.format, older });
  }
  const [{ encodeUpload }, { readOnlineKey: readKey }] = await Promise.all([
    import("../../publisher/upload.ts"),
    import("../../publisher/keys/online.ts"),
  ]);
  const other = { url: place, flags, inFlight, rate, ...patience };
  const { source: there, fetcher, pace } = await otherServer(publishing, other);
  closing.push(() => there.close());
  return publishingDestination({
    crawl,
    there,
    fetcher,
    pace,
    patience,
    older,
    readKey,
    encode: encodeUpload,
  });
}

async function tablesOf(
  { context: { env } }: Publishing,
  { flags, trust, notes, closing }: Going,
  serverDb: string,
  older: Parameters<typeof import("../../moving/back/tables.ts").tablesDestination>[0]["older"],
): Promise<Destination> {
  const [
    { openStoredFiles },
    { tablesDestination },
    { rowsOf },
    { privateKeys },
    { readLockedKeys },
    { keyServer },
  ] = await Promise.all([
    import("../../moving/databases/stored-files.ts"),
    import("../../moving/back/tables.ts"),
    import("../../moving/databases/source.ts"),
    import("../../moving/databases/tables.ts"),
    import("../../moving/old-keys.ts"),
    import("../../moving/key-server.ts"),
  ]);
  const { signerDb } = flags;
  const locked =
    signerDb === undefined
      ? undefined
      : await readLockedKeys(rowsOf({ url: signerDb, environment: env }, privateKeys));
  const tables = await openStoredFiles(serverDb, env);
  closing.push(() => tables.close());
  const online = keyServer(async (repository) => (await trust.sender(repository)).fetcher);
  return tablesDestination({
    tables,
    keys: locked && new Set(locked.map(({ keyId }) => keyId)),
    withoutKeys: flags.withoutKeys === true,
    older,
    online: (repository) => online.standing(repository),
    onNote: (repository, note) => notes.set(repository, note),
  });
}
