/** A real identity provider (oidc-provider) on 127.0.0.1, and a person with a browser who logs in there. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import Provider from "oidc-provider";
import { vi } from "vitest";

export const loginClient = "vidimus-login";
/** What workloads have their tokens made out for. */
export const workloadAudience = "vidimus-workloads";

export class RealProvider {
  readonly issuer: string;
  readonly jwk: JWK;
  readonly #server: Server;
  readonly #provider: Provider;
  /** Paths that were asked for. */
  readonly asked: string[];

  private constructor(issuer: string, jwk: JWK, server: Server, provider: Provider, asked: string[]) {
    this.issuer = issuer;
    this.jwk = jwk;
    this.#server = server;
    this.#provider = provider;
    this.asked = asked;
  }

  static async start(): Promise<RealProvider> {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(privateKey)), kid: "first", alg: "RS256", use: "sig" };
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // It says of each default that it is one.
    for (const level of ["info", "warn"] as const) vi.spyOn(console, level).mockReturnValue();
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: loginClient,
          application_type: "native",
          token_endpoint_auth_method: "none",
          grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
          response_types: ["code"],
          redirect_uris: ["http://127.0.0.1/vidimus-login"],
        },
        {
          client_id: workloadAudience,
          client_secret: "only for a test",
          grant_types: [],
          response_types: [],
          redirect_uris: [],
        },
      ],
      cookies: { keys: ["only for a test"] },
      features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
      findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
      jwks: { keys: [jwk] },
      pkce: { required: () => true },
    });
    const answer = provider.callback();
    const asked: string[] = [];
    server.on("request", (request, response) => {
      asked.push((request.url ?? "").split("?", 1)[0] ?? "");
      void answer(request, response);
    });
    return new RealProvider(issuer, jwk, server, provider, asked);
  }

  /** What the provider itself gives a workload. */
  async workloadToken(subject: string, claims: Readonly<Record<string, unknown>>): Promise<string> {
    const client = await this.#provider.Client.find(workloadAudience);
    if (client === undefined) throw new TypeError("the provider lost its client");
    const token = new this.#provider.IdToken({ sub: subject }, { client });
    token.scope = "openid";
    for (const [name, value] of Object.entries(claims)) token.set(name, value);
    return await token.issue({ use: "idtoken" });
  }

  /** What whoever has the provider's key could sign. */
  async signed(claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
    const at = Math.floor(Date.now() / 1_000);
    return await new SignJWT({ iss: this.issuer, aud: workloadAudience, iat: at, exp: at + 300, ...claims })
      .setProtectedHeader({ alg: "RS256", kid: "first", ...header })
      .sign(await importJWK(this.jwk, "RS256"));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const mostSteps = 20;

/** Goes where it is sent, with its cookies, and fills in every form that it meets. Ends at a page without one. */
export class Browser {
  readonly #cookies = new Map<string, string>();
  readonly #fields: Readonly<Record<string, string>>;

  /** `fields`: what a person types, by the names of the fields. */
  constructor(fields: Readonly<Record<string, string>>) {
    this.#fields = fields;
  }

  /** The last page, and where it was. */
  async visit(
    address: string,
  ): Promise<{ readonly url: string; readonly status: number; readonly text: string }> {
    let [url, body]: [string, URLSearchParams | undefined] = [address, undefined];
    for (let step = 0; step < mostSteps; step++) {
      const { status, location, text } = await this.#ask(url, body);
      body = undefined;
      if (location !== undefined) url = new URL(location, url).href;
      else {
        const form = /<form[^>]*\baction="([^"]*)"[^>]*>(.*?)<\/form>/is.exec(text);
        if (form === null) return { url, status, text };
        url = new URL((form[1] ?? "").replaceAll("&amp;", "&"), url).href;
        body = this.#filled(form[2] ?? "");
      }
    }
    throw new Error("the pages do not end");
  }

  #filled(form: string): URLSearchParams {
    const body = new URLSearchParams();
    for (const [input] of form.matchAll(/<input\b[^>]*>/gi)) {
      const name = /\bname="([^"]*)"/i.exec(input)?.[1];
      if (name !== undefined)
        body.set(name, this.#fields[name] ?? /\bvalue="([^"]*)"/i.exec(input)?.[1] ?? "");
    }
    return body;
  }

  async #ask(url: string, body: URLSearchParams | undefined) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(body && { method: "POST", body }),
    });
    for (const each of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(each) ?? [];
      this.#cookies.set(name, value);
    }
    const text = await response.text();
    return { status: response.status, location: response.headers.get("location") ?? undefined, text };
  }
}
