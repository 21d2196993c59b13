/** What these commands ask a trust server: by whom people log in there, a session for an ID token, the end of a session. */
import type { CallAnswer } from "../../client/fetch/fetcher.ts";
import { refusalIn, type Sender } from "../../publisher/send.ts";
import { AccessError } from "../access/errors.ts";
import { printable } from "../output.ts";

export interface Offer {
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Path of the token endpoint, at this server. */
  readonly tokenPath: string;
  readonly service: string;
}

const mostAnswer = 65_536;
const longest = 30_000;
const nobody = { of: "server", action: "known" } as const;

export class LoginServer {
  readonly #fetcher: Sender["fetcher"];

  constructor({ fetcher }: Pick<Sender, "fetcher">) {
    this.#fetcher = fetcher;
  }

  /** Its address, with its path. */
  get address(): string {
    return this.#fetcher.origin;
  }

  /** Throws `LOGIN_REFUSED`, and what a fetcher throws. */
  async offer(): Promise<Offer> {
    const answer = await this.#call("GET", "/api/v1/login");
    if (answer.status !== 200) throw this.#refused(answer);
    const { issuer, clientId, scopes, realm, service } = documentOf(answer);
    if (typeof issuer !== "string" || typeof clientId !== "string" || typeof service !== "string")
      throw this.#refused(undefined);
    if (!Array.isArray(scopes) || scopes.length > 100 || !scopes.every((each) => typeof each === "string"))
      throw this.#refused(undefined);
    const base = `${this.address}/`;
    if (typeof realm !== "string" || !realm.startsWith(base))
      throw new AccessError(
        "LOGIN_REFUSED",
        `${this.address} gives sessions under another address, and an ID token goes to no server that was not named: give --server as its operator wrote auth.builtin.realm.`,
      );
    return { issuer, clientId, scopes, service, tokenPath: realm.slice(base.length - 1) };
  }

  /** Throws `LOGIN_REFUSED`, and what a fetcher throws. */
  async session(
    { tokenPath, service }: Offer,
    idToken: string,
  ): Promise<{ readonly token: string; readonly name: string }> {
    const form = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: idToken,
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      access_type: "offline",
      service,
    });
    const answer = await this.#call("POST", tokenPath, {
      type: "application/x-www-form-urlencoded",
      text: form.toString(),
    });
    if (answer.status !== 200) throw this.#refused(answer);
    const { refresh_token: token, name } = documentOf(answer);
    if (typeof token !== "string" || !/^vdr_[\w-]{43}$/.test(token) || typeof name !== "string")
      throw this.#refused(undefined);
    return { token, name: name.slice(0, 200) };
  }

  /** Throws `LOGIN_REFUSED`, and what a fetcher throws. */
  async end(session: string): Promise<void> {
    const body = { type: "application/json", text: JSON.stringify({ session }) };
    const answer = await this.#call("POST", "/api/v1/logout", body);
    if (answer.status !== 200) throw this.#refused(answer);
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    body?: { readonly type: string; readonly text: string },
  ): Promise<CallAnswer> {
    return await this.#fetcher.call({
      right: nobody,
      method,
      path,
      maxBytes: mostAnswer,
      signal: AbortSignal.timeout(longest),
      ...(body && { body: { type: body.type, bytes: Buffer.from(body.text) } }),
    });
  }

  #refused(answer: CallAnswer | undefined): AccessError {
    const said = answer && refusalIn(answer.body);
    const why =
      said === undefined ? "its answer is not as it should be" : printable(said.message).slice(0, 600);
    return new AccessError("LOGIN_REFUSED", `${this.address} refuses: ${why}`);
  }
}

function documentOf({ body }: CallAnswer): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body.toString("utf8")));
  } catch {
    return {};
  }
}
