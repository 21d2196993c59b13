/**
 * `vidimus import notary`: repositories of a Notary server to the server that takes its place: by its public interface, or out of its
 * database once it answers no more.
 */
import { tmpdir } from "node:os";
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { TrustFlags } from "../../client/cli/flags.ts";
import { UsageError } from "../../client/cli/report.ts";
import { openSending } from "../../client/cli/sending.ts";
import type { Source } from "../../moving/source.ts";
import { printable } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";
import { groupOf } from "./group.ts";
import { addImportFlags, type Running, runImport } from "./import-run.ts";
import {
  addOldServerFlags,
  namesOf,
  numberOf,
  type OldServerFlags,
  oldDatabase,
  otherServer,
} from "./other-server.ts";

interface Flags extends TrustFlags, OldServerFlags {
  readonly serverDb?: string;
  readonly serverDump?: string;
  readonly names?: string;
  readonly inFlight: string;
  readonly rate: string;
  readonly past: boolean;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Names of repositories, from wherever they come. */
const mostNames = 1_000_000;

export function addImportNotary(parent: Command, publishing: Publishing): void {
  const { context, client } = publishing;
  const command = groupOf(parent)
    .command("notary")
    .description(
      "take repositories over from a Notary server, bytes untouched, by its public interface or from its database",
    )
    .argument(
      "[place]",
      "the old server: https://notary.example.org; or a folder that `vidimus export notary` wrote; neither with --server-db and --server-dump",
    )
    .argument("[repositories...]", "names of repositories (default: all that its changefeed names)")
    .option(
      "--server-db <url>",
      "the PostgreSQL of an old server that answers no more: postgres://USER@HOST:5432/DATABASE, the password in PGPASSWORD",
    )
    .option("--server-dump <file>", "what mysqldump or mariadb-dump wrote of its MySQL or MariaDB")
    .option("--names <file>", "a file with one name of a repository a line")
    .option("--in-flight <number>", "repositories at a time, 1 to 64", "16")
    .option("--rate <number>", "requests to the old server a second, 1 to 10000", "200")
    .option("--no-past", "only what is current and the roots, no older versions")
    .option("--dry-run", "read and verify everything, and bring nothing")
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples(
        "vidimus import notary https://notary.example.org --server https://trust.example --dry-run",
        "vidimus import notary https://notary.example.org registry.acme.example/app --server https://trust.example",
        "vidimus import notary --server-dump server.sql --server https://trust.example",
      ),
    );
  addOldServerFlags(command);
  addImportFlags(command).action(async (given: string | undefined, others: readonly string[]) => {
    const flags = command.opts<Flags>();
    const { serverDb: url, serverDump: dump } = flags;
    const database = oldDatabase(command, "server", { url, dump }, context.env);
    // Nothing but names stands beside a database.
    const repositories = database === undefined || given === undefined ? others : [given, ...others];
    const place = database === undefined ? given : (dump ?? "the old server's database");
    if (place === undefined)
      return command.error(
        "error: say where the repositories are: an address, --server-db URL or --server-dump FILE",
      );
    const named = namesOf(command, context, repositories, flags.names);
    const inFlight = numberOf(command, flags.inFlight, "--in-flight", 64);
    const rate = numberOf(command, flags.rate, "--rate", 10_000);
    const [moving, { notary }] = await Promise.all([
      import("./take-over.ts"),
      import("../../core/format/notary.ts"),
    ]);
    const isServer = database === undefined && /^https?:/.test(place);
    if (database === undefined && !isServer && !(await moving.isExport(place))) {
      throw new UsageError(
        `${printable(place)} is neither the address of a Notary (write https://…) nor a folder that vidimus export notary has written. What a client kept is taken by vidimus import trustdir, and what a database has with --server-db or --server-dump.`,
      );
    }
    const sourceOf = async ({ ending, onSlow }: Running): Promise<Source> => {
      if (database !== undefined) {
        const origin = "url" in database ? moving.publicUrl(database.url, "server") : database.dump;
        const onRead = (files: number) => onSlow(`${files} files of the old database are read so far.`);
        const ways = { origin, temporary: tmpdir(), only: named, ending, onRead };
        return await moving.databaseSource(database, ways);
      }
      if (!isServer) return moving.folderSource(place);
      const asked = { url: place, flags, inFlight, rate, ending, onSlow };
      return (await otherServer(publishing, asked)).source;
    };
    let origin = place;
    await runImport(publishing, { flags, from: place, origin: () => origin }, async (running) => {
      const { ending, onDone } = running;
      const trust = await openSending(flags, client);
      let source: Source | undefined;
      try {
        source = await sourceOf(running);
        origin = source.origin;
        const { destinationOf, offerOf, takeOverEach, usualCrawlLimits } = moving;
        const destination = await destinationOf(trust, ending);
        running.onDestination(destination.origin);
        const crawl = { source, format: notary, limits: usualCrawlLimits, now: client.now };
        const work = {
          offer: offerOf(crawl, { past: flags.past }),
          destination,
          dryRun: flags.dryRun === true,
          inFlight,
          ending,
          onDone,
        };
        await takeOverEach(work, named ?? source.names(mostNames));
      } finally {
        source?.close();
        await trust.close();
      }
    });
  });
}
