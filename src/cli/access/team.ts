/** `vidimus team add|list|join|leave|remove`. */
import type { Command } from "commander";
import type { CliContext } from "../output.ts";
import { asks, examples, group, sayDone, sayTable } from "./tools.ts";

interface TeamRow {
  readonly name: string;
  readonly members: readonly string[];
}

export function addTeam(parent: Command, context: CliContext): void {
  const teams = group(parent, "team", "people who have the same permissions");
  const path = (name: string) => `teams/${encodeURIComponent(name)}`;

  const add = teams.command("add").description("add a team").argument("<team>");
  add.addHelpText("after", examples("vidimus team add dev"));
  asks(add, context, async (server, name: string) => {
    sayDone(add, context, await server.call("POST", "teams", { name }), `Added the team ${name}.`);
  });

  const list = teams
    .command("list")
    .description("list the teams")
    .addHelpText("after", examples("vidimus team list"));
  asks(list, context, async (server) => {
    const found = await server.list<TeamRow>("teams");
    const rows = found.map(({ name, members }) => [name, members.join(", ")]);
    sayTable(
      list,
      context,
      { format: "vidimus-teams/1", teams: found },
      [["team", "members"], ...rows],
      "There are no teams.",
    );
  });

  for (const [word, method, what, done] of [
    ["join", "PUT", "make a user a member", "is in"],
    ["leave", "DELETE", "take a member out", "is no longer in"],
  ] as const) {
    const command = teams.command(word).description(what).argument("<team>").argument("<user>");
    command.addHelpText("after", examples(`vidimus team ${word} dev alice`));
    asks(command, context, async (server, name: string, user: string) => {
      const document = await server.call(method, `${path(name)}/members/${encodeURIComponent(user)}`);
      sayDone(command, context, document, `${user} ${done} ${name}.`);
    });
  }

  const remove = teams.command("remove").description("remove a team with its permissions").argument("<team>");
  remove.addHelpText("after", examples("vidimus team remove dev"));
  asks(remove, context, async (server, name: string) => {
    sayDone(remove, context, await server.call("DELETE", path(name)), `Removed the team ${name}.`);
  });
}
