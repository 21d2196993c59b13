/**
 * `vidimus login` and `vidimus logout`: people who are known to an identity provider.
 *
 * - Which provider that is, the trust server says; a person agrees to it once, or names it. Should it ever say another, nothing is
 *   done before somebody agrees anew: whoever takes a server over sends nobody elsewhere to type a password in.
 * - What is kept is a session of the trust server, and nothing of the provider's. It is never shown.
 */
import { setTimeout as wait } from "node:timers/promises";
import { Command } from "commander";
import type { ClientContext } from "../../client/cli/context.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import type { KnownServer } from "../../client/fetch/session-credentials.ts";
import { AccessError } from "../access/errors.ts";
import { examples } from "../access/tools.ts";
import { type CliContext, printable, printJson, printLine } from "../output.ts";
import { byBrowser } from "./browser.ts";
import { byDevice } from "./device.ts";
import { openProvider } from "./provider.ts";
import { LoginServer, type Offer } from "./server.ts";
import { Sessions } from "./sessions.ts";

export interface LoggingIn {
  readonly context: CliContext;
  readonly client: ClientContext;
}

interface LoginFlags extends TrustFlags {
  readonly browser?: true;
  readonly issuer?: string;
  readonly issuerCa?: string;
  readonly json?: true;
}

/** Any name leads to the server that is meant for all. */
const anyName = "vidimus/login";

export function addLoginCommands(parent: Command, logging: LoggingIn): void {
  addLogin(parent, logging);
  addLogout(parent, logging);
}

function addLogin(parent: Command, logging: LoggingIn): void {
  const command = new Command("login").copyInheritedSettings(parent);
  parent.addCommand(command);
  command
    .description("log in at a trust server by the identity provider of your organisation")
    .option("--browser", "by a browser on this machine, in the place of a code for any other")
    .option("--issuer <url>", "the identity provider that you agree to (default: you are asked)")
    .option("--issuer-ca <file>", "PEM of the authority of its certificate, instead of the system's");
  addTrustFlags(command)
    .option("--json", "print a document")
    .addHelpText(
      "after",
      examples("vidimus login --server https://notary.example.org:4443", "vidimus login --browser"),
    )
    .action(async () => {
      const { context, client } = logging;
      const flags = command.opts<LoginFlags>();
      const sessions = new Sessions(context.env);
      const ca = flags.issuerCa === undefined ? undefined : context.readFile(flags.issuerCa);
      await atServer(flags, client, async (server) => {
        const before = await sessions.of(server.address);
        const offer = await server.offer();
        await agree(server.address, offer, before, flags.issuer, client);
        const { issuer, clientId } = offer;
        const provider = await openProvider(offer, ca);
        const say = (line: string) => context.stderr(`${line}\n`);
        const pause = context.testingOnlyPause ?? (async (time: number) => void (await wait(time)));
        const idToken = flags.browser
          ? await byBrowser(provider, say)
          : await byDevice(provider, { say, pause, now: client.now });
        const session = await server.session(offer, idToken);
        await sessions.set(server.address, { issuer, clientId, session });
        // One that nobody has any more would go on until it ends by itself.
        if (before?.session !== undefined) await server.end(before.session.token).catch(() => undefined);
        const { name } = session;
        if (flags.json)
          printJson(context, { format: "vidimus-logged-in/1", server: server.address, issuer, name });
        else printLine(context, `You are ${printable(name)} at ${printable(server.address)}.`);
      });
    });
}

function addLogout(parent: Command, { context, client }: LoggingIn): void {
  const command = new Command("logout").copyInheritedSettings(parent);
  parent.addCommand(command);
  addTrustFlags(command.description("end the session that vidimus login began"))
    .option("--json", "print a document")
    .addHelpText("after", examples("vidimus logout --server https://notary.example.org:4443"))
    .action(async () => {
      const flags = command.opts<LoginFlags>();
      const sessions = new Sessions(context.env);
      await atServer(flags, client, async (server) => {
        const known = await sessions.of(server.address);
        if (known?.session !== undefined) {
          const { session, ...rest } = known;
          // Forgotten here whatever the server says.
          await sessions.set(server.address, rest);
          await ended(server, session.token);
        }
        const was = known?.session !== undefined;
        if (flags.json) printJson(context, { format: "vidimus-logged-out/1", server: server.address, was });
        else
          printLine(
            context,
            was
              ? `You are logged out at ${printable(server.address)}.`
              : `Nobody was logged in at ${printable(server.address)}.`,
          );
      });
    });
}

async function ended(server: LoginServer, token: string): Promise<void> {
  try {
    await server.end(token);
  } catch (cause) {
    throw new AccessError(
      "ACCESS_UNREACHABLE",
      `The session is forgotten here, and ${server.address} could not be told: there it goes on until it ends by itself.`,
      cause,
    );
  }
}

async function atServer(
  flags: LoginFlags,
  client: ClientContext,
  run: (server: LoginServer) => Promise<void>,
): Promise<void> {
  const trust = await openSending(flags, client);
  try {
    await run(new LoginServer(await trust.sender(anyName)));
  } finally {
    await trust.close();
  }
}

/** Throws `LOGIN_ISSUER`: nobody has agreed to this provider. */
async function agree(
  server: string,
  { issuer, clientId }: Offer,
  before: KnownServer | undefined,
  named: string | undefined,
  { ask }: ClientContext,
): Promise<void> {
  const isSame = before?.issuer === issuer && before.clientId === clientId;
  if (named === undefined ? isSame : named === issuer) return;
  const what = `${printable(server)} lets people log in by ${printable(issuer)}`;
  if (named !== undefined)
    throw new AccessError("LOGIN_ISSUER", `${what}, and not by what --issuer says: nothing was asked there.`);
  if (before !== undefined)
    throw new AccessError(
      "LOGIN_ISSUER",
      `${what} (as ${printable(clientId)}), and last time it was ${printable(before.issuer)} (as ${printable(before.clientId)}): ask who runs it, and give --issuer ${printable(issuer)} if that is right.`,
    );
  const answer = await ask?.(`${what}. Do you agree? [yes/no] `);
  if (answer !== undefined && /^y(?:es)?$/i.test(answer.trim())) return;
  throw new AccessError(
    "LOGIN_ISSUER",
    `${what}, and nobody agreed to that: give --issuer ${printable(issuer)} if it is the one of your organisation.`,
  );
}
