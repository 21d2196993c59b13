/** `vidimus import trustdir`: repositories from what clients kept, when their server is gone. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import type { Publishing } from "../publishing/tools.ts";
import { groupOf } from "./group.ts";
import { endImport, progressOf } from "./import-report.ts";

interface Flags extends TrustFlags {
  readonly only: readonly string[];
  readonly dryRun?: true;
  readonly json?: true;
}

export function addImportTrustdir(parent: Command, publishing: Publishing): void {
  const { context, client } = publishing;
  const command = groupOf(parent)
    .command("trustdir")
    .description("take repositories over from what clients kept of them: ~/.docker/trust, ~/.notary")
    .argument("<folders...>", "one folder a client; several of one repository are compared")
    .option(
      "--only <repository>",
      "take this one alone; may be repeated",
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option("--dry-run", "read, compare and verify everything, and bring nothing")
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples(
        "vidimus import trustdir ~/.docker/trust --server https://trust.example --dry-run",
        "vidimus import trustdir alice/trust bob/trust --only registry.acme.example/app --server https://trust.example",
      ),
    );
  addTrustFlags(command).action(async (folders: readonly string[]) => {
    const flags = command.opts<Flags>();
    const [{ destinationOf, takeOver, trustOffer }, { notary }] = await Promise.all([
      import("./take-over.ts"),
      import("../../core/format/notary.ts"),
    ]);
    const { offer, repositories } = await trustOffer(folders, notary, client.now);
    const trust = await openSending(flags, client);
    const progress = progressOf(context, client);
    const dryRun = flags.dryRun === true;
    try {
      const reports = await takeOver(
        { offer, destination: await destinationOf(trust), dryRun, inFlight: 8, onDone: progress.onDone },
        flags.only.length > 0 ? new Set(flags.only) : repositories,
      );
      progress.end();
      endImport(publishing, reports, { dryRun, json: flags.json === true, origin: offer.origin });
    } finally {
      progress.end();
      await trust.close();
    }
  });
}
