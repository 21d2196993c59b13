/** `vidimus gc plan` and `run`: superseded files that nobody can need any more. */
import { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { csvText, type FormFlags } from "../forms.ts";
import { formatTable, printable, printJson, printLine } from "../output.ts";
import { readRetention } from "./documents.ts";
import { type Asking, addServerFlags, atServer, everyPage } from "./server.ts";

interface Flags extends FormFlags {
  readonly targets?: string;
  readonly delegations?: string;
}

export function addGc(parent: Command, asking: Asking): void {
  const gc = new Command("gc")
    .description("take superseded files away on a trust server, or see which would go")
    .copyInheritedSettings(parent);
  add(gc, asking, false);
  add(gc, asking, true);
  parent.addCommand(gc);
}

function add(parent: Command, asking: Asking, run: boolean): void {
  const name = run ? "run" : "plan";
  const { context } = asking;
  const command = parent
    .command(name)
    .description(run ? "take them away; their digests stay" : "list what would go now, and change nothing")
    .option("--targets <days>", "also targets that were superseded so long ago, such as 365d")
    .option("--delegations <days>", "the same of delegated roles")
    .addHelpText(
      "after",
      `
Superseded timestamps and snapshots that the server signed go, as the policy's retention says and after 30 days where it
says nothing. Never what is current, a root, or what an unexpired timestamp leads to.
${examples(`vidimus gc ${name}`, `vidimus gc ${name} --targets 365d --delegations 365d`)}`,
    );
  addServerFlags(command).action(async () => {
    const { targets, delegations, json, csv } = command.opts<Flags>();
    for (const text of [targets, delegations]) {
      if (text !== undefined && !/^[1-9][0-9]{0,4}d$/.test(text))
        command.error(`error: ${printable(text)}: give whole days, such as 365d`);
    }
    await atServer(command, asking, async (server) => {
      const wishes = { ...(targets && { targets }), ...(delegations && { delegations }) };
      const pages = await everyPage(
        server,
        (after) => {
          const asked = { ...wishes, ...(after !== undefined && { after }) };
          return run
            ? { right: "admin", method: "POST", path: "/api/v1/retention", body: asked }
            : {
                right: "admin",
                method: "GET",
                path: `/api/v1/retention?${new URLSearchParams(asked).toString()}`,
              };
        },
        readRetention,
      );
      const files = pages.flatMap((page) => page.files);
      const bytes = files.reduce((sum, { length }) => sum + length, 0);
      if (json === true) {
        const done = pages.every((page) => page.done);
        return printJson(context, { format: "vidimus-retention/1", server: server.origin, done, files });
      }
      if (csv === true) {
        const head = ["repository", "role", "version", "sha256", "length", "stored"];
        const rows = files.map((each) => [
          each.repository,
          each.role,
          each.version,
          each.sha256,
          each.length,
          each.stored,
        ]);
        return context.stdout(csvText([head, ...rows]));
      }
      if (!run && files.length > 0) {
        const rows = files.map(({ repository, role, version, stored }) => [
          repository,
          role,
          String(version),
          stored.slice(0, 10),
        ]);
        printLine(context, formatTable([["REPOSITORY", "ROLE", "VERSION", "STORED"], ...rows]));
      }
      const what = `${files.length} files with ${bytes} bytes`;
      printLine(context, run ? `${what} were taken away.` : `${what} would be taken away.`);
    });
  });
}
