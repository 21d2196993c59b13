/** `vidimus token create|list|revoke`. */
import type { Command } from "commander";
import type { CliContext } from "../output.ts";
import { AccessError } from "./errors.ts";
import { asks, examples, group, sayDone, sayTable } from "./tools.ts";

interface TokenRow {
  readonly name: string;
  readonly owner: string;
  readonly expires: string;
  readonly revoked?: string;
  readonly scopes: readonly { readonly pattern: string; readonly actions: readonly string[] }[];
}

export function addToken(parent: Command, context: CliContext): void {
  const tokens = group(parent, "token", "tokens of machines: named, limited, expiring");

  const create = tokens.command("create").argument("<name>").argument("<scope...>", "PATTERN=ACTION,…");
  create
    .description("make a token, and print it this once")
    .option("--days <number>", "how long it lives, at most 366", "90")
    .option("--owner <user>", "a user: when they are disabled or removed, the token ends")
    .addHelpText(
      "after",
      examples("vidimus token create ci 'registry.acme.example/app=pull,push' --days 30 --owner alice"),
    );
  asks(create, context, async (server, name: string, given: readonly string[]) => {
    const { days, owner } = create.opts<{ days: string; owner?: string }>();
    if (!/^[1-9][0-9]{0,2}$/.test(days)) throw new AccessError("ACCESS_REFUSED", "--days takes 1 to 366.");
    const wanted = {
      name,
      scopes: given.map(scopeOf),
      lifetime: Number(days) * 86_400,
      ...(owner !== undefined && { owner }),
    };
    const document = (await server.call("POST", "tokens", wanted)) as { token: string };
    sayDone(create, context, document, document.token);
  });

  const list = tokens
    .command("list")
    .description("list the tokens")
    .addHelpText("after", examples("vidimus token list"));
  asks(list, context, async (server) => {
    const found = await server.list<TokenRow>("tokens");
    const rows = found.map(({ name, owner, expires, revoked, scopes }) => [
      name,
      owner,
      revoked === undefined ? `until ${expires.slice(0, 10)}` : `revoked ${revoked.slice(0, 10)}`,
      scopes.map(({ pattern, actions }) => `${pattern}=${actions.join(",")}`).join(" "),
    ]);
    const head = ["name", "owner", "life", "scopes"];
    sayTable(
      list,
      context,
      { format: "vidimus-tokens/1", tokens: found },
      [head, ...rows],
      "There are no tokens.",
    );
  });

  const revoke = tokens.command("revoke").description("revoke a token at once").argument("<name>");
  revoke.addHelpText("after", examples("vidimus token revoke ci"));
  asks(revoke, context, async (server, name: string) => {
    const document = await server.call("DELETE", `tokens/${encodeURIComponent(name)}`);
    sayDone(revoke, context, document, `Revoked ${name}.`);
  });
}

function scopeOf(text: string) {
  const at = text.lastIndexOf("=");
  if (at <= 0) throw new AccessError("ACCESS_REFUSED", "Write a scope as PATTERN=ACTION,ACTION.");
  return { pattern: text.slice(0, at), actions: text.slice(at + 1).split(",") };
}
