/** Questions to the management API of a trust server, page by page, as whoever is named by flags, policy and environment. */
import type { Command } from "commander";
import type { ClientContext } from "../../client/cli/context.ts";
import { addTrustFlags, type TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import { askServer } from "../../publisher/ask.ts";
import { PublishError } from "../../publisher/errors.ts";
import { refusalIn, type Sender } from "../../publisher/send.ts";
import { addFormFlags } from "../forms.ts";
import type { CliContext } from "../output.ts";

/** What these commands are run in. */
export interface Asking {
  readonly context: CliContext;
  readonly client: ClientContext;
  /** Told the exit code of a command that ends otherwise than well. */
  readonly finish: (code: number) => void;
}

export interface AskedServer {
  /** As it is named in messages. */
  readonly origin: string;
  /** The document that it answers with. Throws `SERVER_REFUSED` and what a fetcher throws. */
  ask(question: Asked): Promise<unknown>;
}

export interface Asked {
  readonly right: "audit" | "admin";
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: object;
}

/** Any name leads to the server that is meant for all. */
const anyName = "vidimus/server";
/** Milliseconds for one page. */
const longest = 120_000;
/** Pages of one command: more than any store has. */
const mostPages = 100_000;

export function addServerFlags(command: Command): Command {
  return addTrustFlags(addFormFlags(command));
}

export async function atServer(
  command: Command,
  { client }: Asking,
  run: (server: AskedServer) => Promise<void>,
): Promise<void> {
  const trust = await openSending(command.opts<TrustFlags>(), client);
  try {
    const sender = await trust.sender(anyName);
    await run({
      origin: sender.fetcher.origin,
      ask: (question) => answerOf(sender, question),
    });
  } finally {
    await trust.close();
  }
}

async function answerOf(sender: Sender, { right, method, path, body: document }: Asked): Promise<unknown> {
  const { fetcher } = sender;
  const ofServer = { of: "server", action: right } as const;
  const answer = await askServer(sender, { right: ofServer, method, path, document, time: longest });
  if (answer.status === 200) {
    try {
      return JSON.parse(answer.body.toString("utf8"));
    } catch (cause) {
      throw new PublishError("SERVER_REFUSED", `${fetcher.origin} answers with what is no document.`, {
        cause,
      });
    }
  }
  const said = refusalIn(answer.body);
  const why = said === undefined ? `with ${answer.status}` : `${said.message} (${answer.code ?? said.code})`;
  throw new PublishError("SERVER_REFUSED", `${fetcher.origin} refuses: ${why}`, {
    serverCode: answer.code ?? said?.code,
  });
}

/** All pages, one after the other. `read`: throws for what is not as documented. */
export async function everyPage<T extends { readonly next?: string | undefined }>(
  server: AskedServer,
  questionOf: (after: string | undefined) => Asked,
  read: (document: unknown) => T,
): Promise<readonly T[]> {
  const pages: T[] = [];
  let after: string | undefined;
  do {
    const page = read(await server.ask(questionOf(after)));
    pages.push(page);
    if (page.next !== undefined && page.next === after) break;
    after = page.next;
  } while (after !== undefined && pages.length < mostPages);
  return pages;
}
