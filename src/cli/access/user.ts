/** `vidimus user add|list|password|disable|enable|remove`. */
import type { Command } from "commander";
import { type CliContext, printable } from "../output.ts";
import { readSecret } from "./secrets.ts";
import { asks, examples, group, sayDone, sayTable } from "./tools.ts";

interface PasswordFlags {
  readonly passwordFile?: string;
  readonly passwordFd?: string;
  readonly elsewhere?: true;
}
interface UserRow {
  readonly name: string;
  readonly disabled: boolean;
  readonly password: boolean;
}

export function addUser(parent: Command, context: CliContext): void {
  const users = group(parent, "user", "people who log in with a password");
  const path = (name: string) => `users/${encodeURIComponent(name)}`;

  const add = withPassword(users.command("add").description("add a user").argument("<name>"))
    .option("--elsewhere", "without a password here: the password file or the registry knows it")
    .addHelpText(
      "after",
      examples("vidimus user add alice --password-file alice.txt", "vidimus user add bob --elsewhere"),
    );
  asks(add, context, async (server, name: string) => {
    const { elsewhere } = add.opts<PasswordFlags>();
    const password = elsewhere === true ? undefined : await newPassword(add, context, name);
    const document = await server.call("POST", "users", {
      name,
      ...(password !== undefined && { password }),
    });
    sayDone(
      add,
      context,
      document,
      `Added ${name}. What they may do: vidimus acl add user:${name} PATTERN ACTIONS.`,
    );
  });

  const list = users
    .command("list")
    .description("list the users")
    .addHelpText("after", examples("vidimus user list"));
  asks(list, context, async (server) => {
    const found = await server.list<UserRow>("users");
    const rows = found.map(({ name, disabled, password }) => [
      printable(name),
      disabled ? "disabled" : "active",
      password ? "password here" : "password elsewhere",
    ]);
    sayTable(
      list,
      context,
      { format: "vidimus-users/1", users: found },
      [["name", "state", "password"], ...rows],
      "There are no users.",
    );
  });

  const password = withPassword(
    users
      .command("password")
      .description("set the password of a user, which ends their sessions")
      .argument("<name>"),
  ).addHelpText("after", examples("vidimus user password alice --password-file alice.txt"));
  asks(password, context, async (server, name: string) => {
    const next = await newPassword(password, context, name);
    const document = await server.call("POST", `${path(name)}/password`, { password: next });
    sayDone(password, context, document, `${name} has a new password.`);
  });

  for (const [word, disabled, what] of [
    ["disable", true, "keep a user out: sessions and tokens of theirs end"],
    ["enable", false, "let a user in again"],
  ] as const) {
    const command = users.command(word).description(what).argument("<name>");
    command.addHelpText("after", examples(`vidimus user ${word} alice`));
    asks(command, context, async (server, name: string) => {
      const document = await server.call("POST", path(name), { disabled });
      sayDone(command, context, document, `${name} is ${disabled ? "disabled" : "enabled"}.`);
    });
  }

  const remove = users.command("remove").argument("<name>");
  remove
    .description(
      "remove a user with memberships, permissions and sessions, and revoke the tokens made for them",
    )
    .addHelpText("after", examples("vidimus user remove alice"));
  asks(remove, context, async (server, name: string) => {
    sayDone(remove, context, await server.call("DELETE", path(name)), `Removed ${name}.`);
  });
}

function withPassword(command: Command): Command {
  return command
    .option("--password-file <file>", "where the password lies (default: asked for)")
    .option("--password-fd <number>", "an open descriptor to read it from");
}

async function newPassword(command: Command, context: CliContext, name: string): Promise<string> {
  const { passwordFile, passwordFd } = command.opts<PasswordFlags>();
  return await readSecret(
    `New password of ${name}: `,
    { file: passwordFile, descriptor: passwordFd, twice: true },
    context,
  );
}
