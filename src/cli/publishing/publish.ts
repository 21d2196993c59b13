/** `vidimus status`, `diff`, `publish` and `reset`: what is staged, what it would change, and letting it happen. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { brokenBy, changesOf, signersOf, standingOf } from "../../publisher/draft.ts";
import type { Edit, Staged } from "../../publisher/edits.ts";
import { pinOutlookOf } from "../../publisher/pin-outlook.ts";
import { draftFor } from "../../publisher/publish.ts";
import { count } from "../../publisher/words.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import { addPublishFlags, atDesk, type Desk, type Publishing, publishStaged, stagedFor } from "./tools.ts";
import { changesText, pathText, pinLines, standingText, wordFor } from "./view.ts";

export function addPublish(parent: Command, publishing: Publishing): void {
  const { context } = publishing;
  const status = parent
    .command("status")
    .description("list what is staged and not published yet")
    .argument("[repository]", "only this one")
    .addHelpText("after", examples("vidimus status", "vidimus status registry.acme.example/app"));
  addPublishFlags(status).action(async (repository: string | undefined) => {
    await atDesk(status, publishing, async ({ staging, json }) => {
      const all = (await staging.all()).filter((each) => [undefined, each.repository].includes(repository));
      if (json) return printJson(context, { format: "vidimus-staged/1", repositories: all });
      printLine(context, all.length === 0 ? "Nothing is staged." : stagedTable(all));
    });
  });

  const diff = parent
    .command("diff")
    .description("show what publishing would change, and who has to sign that")
    .argument("<repository>", "name of the repository")
    .addHelpText("after", examples("vidimus diff registry.acme.example/app"));
  addPublishFlags(diff).action(async (repository: string) => {
    await atDesk(diff, publishing, (desk) => showDiff(publishing, desk, repository));
  });

  const publish = parent
    .command("publish")
    .description("sign and publish what is staged, as one")
    .argument("<repository>", "name of the repository")
    .option("--expires <days>", "until when what is signed is good, in days (default: root 730, others 365)")
    .addHelpText("after", examples("vidimus publish registry.acme.example/app"));
  addPublishFlags(publish).action(async (repository: string) => {
    await atDesk(publish, publishing, async (desk) => {
      const { edits } = await stagedFor(desk, repository);
      await publishStaged(publishing, desk, repository, edits);
    });
  });

  const reset = parent
    .command("reset")
    .description("forget what is staged")
    .argument("<repository>", "name of the repository")
    .addHelpText("after", examples("vidimus reset registry.acme.example/app"));
  addPublishFlags(reset).action(async (repository: string) => {
    await atDesk(reset, publishing, async (desk) => {
      const { staging, trust, json } = desk;
      const sender = await trust.sender(repository);
      const place = { server: sender.fetcher.origin, repository: sender.repository };
      // A file that cannot be read is what somebody may want to be rid of.
      const edits = await staging.read(place).then(
        (staged) => staged.edits,
        () => undefined,
      );
      await staging.remove(place, "all");
      if (json)
        printJson(context, { format: "vidimus-staged/1", ...place, forgotten: edits?.length ?? null });
      else if (edits === undefined)
        printLine(context, `Forgotten for ${printable(repository)}: what was staged, and could not be read.`);
      else {
        printLine(context, `Forgotten for ${printable(repository)}: ${count(edits.length, "staged edit")}.`);
      }
    });
  });
}

async function showDiff({ context }: Publishing, desk: Desk, repository: string): Promise<void> {
  const { trust, tools, view, json, ring } = desk;
  const { edits } = await stagedFor(desk, repository);
  const draft = draftFor(tools, await trust.copy(repository), edits);
  const changes = changesOf(draft);
  const standing = standingOf(draft, new Map());
  const here = new Set((await ring.list()).map(({ id }) => id));
  const mine = [...signersOf(draft)].filter((id) => here.has(id));
  const broken = brokenBy(draft);
  const pins = await pinOutlookOf(tools, draft, new Map());
  if (json) {
    const needs = standing.map(({ role, by, needed, missing }) => ({
      role,
      by,
      needed,
      keys: missing.map(({ id }) => id),
    }));
    return printJson(context, {
      format: "vidimus-diff/1",
      repository: draft.repository,
      changes,
      needs,
      keysHere: mine,
      broken,
      pins: pins ?? null,
    });
  }
  if (draft.files.length === 0) return printLine(context, "All of this is published already.");
  const roles = draft.files.map(({ role }) => role);
  printLine(context, changesText(changes, view, roles));
  printLine(context, `To be signed\n${standingText(standing, view)}`);
  const names = mine.map((id) => wordFor(id, view.nameOf)).join(", ");
  printLine(
    context,
    mine.length === 0 ? "No key that could sign it is here." : `Keys here that sign it: ${printable(names)}`,
  );
  for (const role of broken)
    printLine(context, `${printable(role)} will have to be signed again by its new keys.`);
  for (const line of pinLines(pins, draft.repository, view)) printLine(context, line);
}

function stagedTable(all: readonly Staged[]): string {
  const rows = all.flatMap(({ repository, server, edits }) =>
    edits.map((edit) => [repository, server, ...wordsOf(edit)].map(printable)),
  );
  return formatTable([["REPOSITORY", "SERVER", "ROLE", "WHAT"], ...rows]);
}

function wordsOf(edit: Edit): readonly [role: string, what: string] {
  switch (edit.edit) {
    case "add":
      return [edit.role, addWords(edit)];
    case "remove":
      return [edit.role, `remove ${edit.name}`];
    case "delegation":
      return [edit.role, `delegation: ${delegationWords(edit)}`];
    case "delegation-removal":
      return [edit.role, "delegation is removed"];
    case "keys":
      return [edit.role, `${count(edit.add.length, "key")} added, ${edit.remove.length} removed`];
    case "threshold":
      return [edit.role, `threshold ${edit.threshold}`];
    case "resign":
      return [edit.role, edit.dated ? "signed again, every target dated anew" : "signed again as it is"];
  }
}

function addWords({ name, stood, target: { sha256 } }: Edit & { edit: "add" }): string {
  if (stood === null) return `add ${name} sha256:${sha256}`;
  return stood === sha256
    ? `sign again ${name} sha256:${sha256}`
    : `move ${name} sha256:${stood} → sha256:${sha256}`;
}

function delegationWords({
  addKeys = [],
  removeKeys = [],
  addPaths = [],
  removePaths = [],
  threshold,
}: Edit & { edit: "delegation" }): string {
  const parts = [
    addKeys.length > 0 && `${count(addKeys.length, "key")} added`,
    removeKeys.length > 0 && `${count(removeKeys.length, "key")} removed`,
    addPaths.length > 0 && `paths added: ${addPaths.map(pathText).join(", ")}`,
    removePaths.length > 0 && `paths removed: ${removePaths.map(pathText).join(", ")}`,
    threshold !== undefined && `threshold ${threshold}`,
  ];
  return parts.filter((part) => part !== false).join("; ") || "made";
}
