/**
 * `vidimus repo delete`. What is not there need not be deleted: that is said, and the command ends well, so that a script that was
 * cut off after the deletion can be run again.
 */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { PublishError } from "../../publisher/errors.ts";
import { isThere } from "../../publisher/first.ts";
import { refusalIn } from "../../publisher/send.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable, printJson, printLine } from "../output.ts";
import { addPublishFlags, atDesk, type Publishing } from "./tools.ts";

export function addRepoDelete(parent: Command, publishing: Publishing): void {
  const { context, client, finish } = publishing;
  const remove = parent
    .command("delete")
    .description("delete a repository on the server, for every reader")
    .argument("<repository>", "name of the repository")
    .option("--yes", "delete without asking")
    .addHelpText("after", examples("vidimus repo delete registry.acme.example/old --yes"));
  addPublishFlags(remove).action(async (repository: string) => {
    const { yes, input } = remove.opts<{ yes?: true; input: boolean }>();
    await atDesk(remove, publishing, async ({ trust, json }) => {
      const sender = await trust.sender(repository);
      const { fetcher, repository: name } = sender;
      const say = (deleted: boolean, sentence: string) =>
        json
          ? printJson(context, {
              format: "vidimus-deletion/1",
              repository: name,
              server: fetcher.origin,
              deleted,
            })
          : printLine(context, sentence);
      if (!(await isThere(sender))) {
        say(false, `There is no ${printable(name)} at ${fetcher.origin}: nothing was deleted.`);
        return;
      }
      const ask = input ? client.ask : undefined;
      const answer =
        yes === true
          ? "yes"
          : await ask?.(
              `Delete ${printable(name)} at ${fetcher.origin}? Whoever reads it fails from then on. [yes/no] `,
            );
      if (answer?.trim().toLowerCase() !== "yes") {
        context.stderr("Nothing was deleted. To delete without being asked, give --yes.\n");
        finish(exitCodes.unconfirmed.code);
        return;
      }
      const { status, body, code } = await fetcher.call({
        right: { of: "repository", repository: name, actions: "*" },
        method: "DELETE",
        path: `/v2/${name}/_trust/tuf/`,
        maxBytes: 65_536,
        signal: AbortSignal.timeout(30_000),
      });
      if (status !== 200)
        throw new PublishError(
          "PUBLISH_REFUSED",
          `${fetcher.origin} does not delete ${printable(name)}: ${refusalIn(body)?.message ?? status}.`,
          { serverCode: code },
        );
      say(
        true,
        `Deleted ${printable(name)} at ${fetcher.origin}. Its keys are still yours: see vidimus key list.`,
      );
    });
  });
}
