/** How the commands of auditors ask a server: one call each, by the server that the policy or the flags name. */
import type { Command } from "commander";
import type { ClientContext } from "../../client/cli/context.ts";
import type { TrustFlags } from "../../client/cli/flags.ts";
import { openSending } from "../../client/cli/sending.ts";
import { askServer } from "../../publisher/ask.ts";
import { PublishError } from "../../publisher/errors.ts";
import { refusalIn, type Sender } from "../../publisher/send.ts";

/** Milliseconds of one call: an answer over all repositories takes its time. */
const longest = 120_000;

export type Ask = (method: "GET" | "POST", path: string, body?: object) => Promise<unknown>;

/** Runs a command that asks a server, and lets go of it, however that ends. */
export async function askingServer<T>(
  command: Command,
  client: ClientContext,
  run: (ask: Ask) => Promise<T>,
): Promise<T> {
  const trust = await openSending(command.opts<TrustFlags>(), client);
  try {
    // Any name leads to the server that the policy names for all.
    return await run(askOf(await trust.sender("vidimus/audit")));
  } finally {
    await trust.close();
  }
}

/** Throws `AUDIT_REFUSED` for anything but an answer, and what a fetcher throws. */
export function askOf(sender: Sender): Ask {
  const { fetcher } = sender;
  return async (method, path, document) => {
    // Questions about all repositories, and changes of what the server knows of keys.
    const right = { of: "server", action: method === "GET" ? "audit" : "admin" } as const;
    const question = { right, method, path, document, time: longest } as const;
    const { status, code, body: answer } = await askServer(sender, question);
    if (status !== 200) {
      const said = refusalIn(answer);
      const why =
        status === 404 && code === undefined
          ? "it answers no questions about the past, as the original Notary does not"
          : said === undefined
            ? `it answered ${status}`
            : `${said.message} (${code ?? said.code})`;
      throw new PublishError("AUDIT_REFUSED", `${fetcher.origin} refuses: ${why}`, {
        serverCode: code ?? said?.code,
      });
    }
    try {
      return JSON.parse(answer.toString("utf8"));
    } catch (cause) {
      throw new PublishError("AUDIT_REFUSED", `${fetcher.origin} refuses: its answer is no document.`, {
        cause,
      });
    }
  };
}
