/** `vidimus import trustdir`: repositories from what clients kept, when their server is gone. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import { printable } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";
import { groupOf } from "./group.ts";
import { addImportFlags, runImport } from "./import-run.ts";

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
  addImportFlags(command).action(async (folders: readonly string[]) => {
    const flags = command.opts<Flags>();
    const [{ destinationOf, takeOverEach, trustOffer }, { notary }] = await Promise.all([
      import("./take-over.ts"),
      import("../../core/format/notary.ts"),
    ]);
    const { offer, repositories, empty } = await trustOffer(folders, notary, client.now);
    for (const folder of empty) {
      context.stderr(
        `${printable(folder)} has nothing of any repository: name what a client keeps, such as ~/.docker/trust or ~/.notary.\n`,
      );
    }
    const wanted = flags.only.length > 0 ? new Set(flags.only) : repositories;
    const from = folders.join(", ");
    await runImport(
      publishing,
      { flags, from, origin: () => offer.origin },
      async ({ ending, onDone, onDestination }) => {
        const trust = await openSending(flags, client);
        const dryRun = flags.dryRun === true;
        try {
          const destination = await destinationOf(trust, ending);
          onDestination(destination.origin);
          await takeOverEach({ offer, destination, dryRun, inFlight: 8, ending, onDone }, wanted);
        } finally {
          await trust.close();
        }
      },
    );
  });
}
