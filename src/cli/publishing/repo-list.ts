/** `vidimus repo list`: the repositories of a trust server, by its changefeed (notary-protocol.md 1.5). */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { PublishError } from "../../publisher/errors.ts";
import { refusalIn } from "../../publisher/send.ts";
import { printable, printJson, printLine } from "../output.ts";
import { addPublishFlags, atAnyDesk, type Publishing } from "./tools.ts";

const feedPage = 500;
const mostPages = 2_000;
const largestPage = 1_024 * 1_024;

export function addRepoList(parent: Command, publishing: Publishing): void {
  const list = parent
    .command("list")
    .description("list the repositories of the trust server that --server or the policy names")
    .addHelpText("after", examples("vidimus repo list"));
  addPublishFlags(list).action(async () => {
    await atAnyDesk(list, publishing, async ({ trust, json, progress }) => {
      // Any name leads to the server that the policy names for all.
      const { fetcher } = await trust.sender("vidimus/list");
      const names = new Set<string>();
      let last = "";
      for (let page = 0; page < mostPages; page++) {
        progress.tell(`reading the changes at ${fetcher.origin}: ${names.size} repositories so far`);
        const { status, body } = await fetcher.call({
          right: { of: "server", action: "catalog" },
          method: "GET",
          path: `/v2/_trust/changefeed?records=${feedPage}&change_id=${last}`,
          maxBytes: largestPage,
          signal: AbortSignal.timeout(30_000),
        });
        if (status !== 200) {
          const said = refusalIn(body);
          throw new PublishError(
            "PUBLISH_REFUSED",
            `${fetcher.origin} does not list its changes: ${said?.message ?? status}.`,
          );
        }
        const { records } = JSON.parse(body.toString("utf8")) as {
          records: { ID: string; GUN: string; Category: string }[] | null;
        };
        for (const { GUN, Category } of records ?? []) {
          if (Category === "deletion") names.delete(GUN);
          else names.add(GUN);
        }
        last = records?.at(-1)?.ID ?? last;
        if ((records?.length ?? 0) < feedPage) break;
      }
      const sorted = [...names].sort();
      if (json)
        return printJson(publishing.context, {
          format: "vidimus-repositories/1",
          server: fetcher.origin,
          repositories: sorted,
        });
      printLine(
        publishing.context,
        sorted.length === 0 ? `${fetcher.origin} has no repository.` : sorted.map(printable).join("\n"),
      );
    });
  });
}
