/** `vidimus user add|list|password|sessions|end-sessions|disable|enable|remove`. */
import type { Command } from "commander";
import { placeFlags } from "../flags.ts";
import type { CliContext } from "../output.ts";
import { AccessError } from "./errors.ts";
import { readSecret } from "./secrets.ts";
import { type AccessFlags, AccessServer, addAccessFlags } from "./server.ts";
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
      `Added ${name}. What they may do: vidimus acl add user:${name} PATTERN ACTIONS${placeFlags(add)}`,
    );
  });

  const list = users
    .command("list")
    .description("list the users")
    .addHelpText("after", examples("vidimus user list"));
  asks(list, context, async (server) => {
    const found = await server.list<UserRow>("users");
    const rows = found.map(({ name, disabled, password }) => [
      name,
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

  addPassword(users, context);
  addSessions(users, context);

  for (const [word, disabled, what] of [
    ["disable", true, "keep a user out: sessions and tokens of theirs end"],
    ["enable", false, "let a user in again"],
  ] as const) {
    const command = users.command(word).description(what).argument("<name>");
    command.addHelpText("after", examples(`vidimus user ${word} alice`));
    asks(command, context, async (server, name: string) => {
      const document = await server.call("POST", pathOf(name), { disabled });
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
    sayDone(remove, context, await server.call("DELETE", pathOf(name)), `Removed ${name}.`);
  });
}

/** Without a name: one's own, which nobody has to be asked for. */
function addPassword(users: Command, context: CliContext): void {
  const command = withPassword(
    users
      .command("password")
      .description(
        "set a password, which ends the logins of its user: of the one who is named, or without a name your own, giving the present one",
      )
      .argument("[name]"),
  ).addHelpText(
    "after",
    examples(
      "vidimus user password alice --password-file alice.txt",
      "vidimus user password --login alice --login-password-file alice.txt --password-file new.txt",
    ),
  );
  addAccessFlags(command).action(async (name: string | undefined) => {
    const own = name === undefined ? ownName(command, context) : undefined;
    const { loginPasswordFile: file } = command.opts<AccessFlags>();
    const current = own && (await readSecret(`Present password of ${own}: `, { file }, context));
    const server =
      own === undefined || current === undefined
        ? await AccessServer.open(command, context)
        : await AccessServer.openAsUser(own, current, command, context);
    try {
      const whose = own ?? name ?? "";
      const password = await newPassword(command, context, whose);
      const body = { password, ...(current !== undefined && { current }) };
      const document = await server.call("POST", `${pathOf(whose)}/password`, body);
      const { sessions } = document as Ended;
      const tokens = `Tokens of machines go on: vidimus token list${placeFlags(command)}`;
      sayDone(command, context, document, `${whose} has a new password. ${endedText(sessions)} ${tokens}`);
    } finally {
      server.close();
    }
  });
}

interface Ended {
  readonly sessions: number;
}
interface SessionRow {
  readonly id: string;
  readonly created: string;
  readonly expires: string;
}

function addSessions(users: Command, context: CliContext): void {
  const list = users
    .command("sessions")
    .description("list the logins of a user that go on without a password: without a name, your own")
    .argument("[name]")
    .addHelpText("after", examples("vidimus user sessions alice"));
  asks(list, context, async (server, name: string | undefined) => {
    const whose = name ?? server.user ?? nobody();
    const document = (await server.call("GET", `${pathOf(whose)}/sessions`)) as {
      sessions: readonly SessionRow[];
    };
    const rows = document.sessions.map((each) => [each.id, each.created, each.expires]);
    sayTable(list, context, document, [["id", "since", "until"], ...rows], `${whose} is logged in nowhere.`);
  });

  const end = users
    .command("end-sessions")
    .description("end the logins of a user: without a name, your own")
    .argument("[name]")
    .option("--session <id>", "this one alone: vidimus user sessions lists them")
    .addHelpText("after", examples("vidimus user end-sessions alice"));
  asks(end, context, async (server, name: string | undefined) => {
    const { session } = end.opts<{ session?: string }>();
    if (session !== undefined && !/^[0-9a-f]{16}$/.test(session))
      throw new AccessError("ACCESS_REFUSED", "--session takes 16 digits: see vidimus user sessions.");
    const whose = name ?? server.user ?? nobody();
    const path = `${pathOf(whose)}/sessions${session === undefined ? "" : `/${session}`}`;
    const document = await server.call("DELETE", path);
    const { sessions } = document as Ended;
    sayDone(end, context, document, `${endedText(sessions)} What was fetched before goes on for minutes.`);
  });
}

function endedText(sessions: number): string {
  return `${sessions} ${sessions === 1 ? "login" : "logins"} of theirs ended.`;
}

function ownName(command: Command, { env }: CliContext): string {
  return command.opts<AccessFlags>().login ?? (env.VIDIMUS_USER || nobody());
}

function nobody(): never {
  throw new AccessError("ACCESS_REFUSED", "Name a user, or say who you are by --login NAME.");
}

function pathOf(name: string): string {
  return `users/${encodeURIComponent(name)}`;
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
