/** `vidimus import notary`: repositories of a Notary server, by its public interface, to the server that takes its place. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { UsageError } from "../../client/cli/report.ts";
import { openSending } from "../../client/cli/sending.ts";
import { printable } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";
import { groupOf } from "./group.ts";
import { endImport, progressOf } from "./import-report.ts";
import { namesOf, numberOf, otherServer } from "./other-server.ts";

interface Flags extends TrustFlags {
  readonly names?: string;
  readonly sourceCa?: string;
  readonly sourceRealm: readonly string[];
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
    .description("take repositories over from a Notary server, bytes untouched, by its public interface")
    .argument(
      "<place>",
      "the old server: https://notary.example.org; or a folder that `vidimus export notary` wrote",
    )
    .argument("[repositories...]", "names of repositories (default: all that its changefeed names)")
    .option("--names <file>", "a file with one name of a repository a line")
    .option("--source-ca <file>", "PEM of the authority of the old server's certificate")
    .option(
      "--source-realm <url>",
      "a token service elsewhere that the old server's credentials may be sent to; may be repeated",
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
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
      ),
    );
  addTrustFlags(command).action(async (url: string, repositories: readonly string[]) => {
    const flags = command.opts<Flags>();
    const named = namesOf(command, context, repositories, flags.names);
    const inFlight = numberOf(command, flags.inFlight, "--in-flight", 64);
    const rate = numberOf(command, flags.rate, "--rate", 10_000);
    const [moving, { notary }] = await Promise.all([
      import("./take-over.ts"),
      import("../../core/format/notary.ts"),
    ]);
    const isServer = /^https?:/.test(url);
    if (!isServer && !(await moving.isExport(url))) {
      throw new UsageError(
        `${printable(url)} is neither the address of a Notary (write https://…) nor a folder that vidimus export notary has written. What a client kept is taken by vidimus import trustdir.`,
      );
    }
    const source = isServer
      ? (
          await otherServer(publishing, {
            url,
            ca: flags.sourceCa,
            dockerConfig: flags.dockerConfig,
            inFlight,
            rate,
            realms: flags.sourceRealm,
          })
        ).source
      : moving.folderSource(url);
    const trust = await openSending(flags, client);
    const progress = progressOf(context, client);
    try {
      const wanted = named ?? source.names(mostNames);
      const { destinationOf, offerOf, takeOver, usualCrawlLimits } = moving;
      const reports = await takeOver(
        {
          offer: offerOf(
            { source, format: notary, limits: usualCrawlLimits, now: client.now },
            { past: flags.past },
          ),
          destination: await destinationOf(trust),
          dryRun: flags.dryRun === true,
          inFlight,
          onDone: progress.onDone,
        },
        wanted,
      );
      progress.end();
      endImport(publishing, reports, {
        dryRun: flags.dryRun === true,
        json: flags.json === true,
        origin: source.origin,
      });
    } finally {
      progress.end();
      source.close();
      await trust.close();
    }
  });
}
