/**
 * The word of an identity provider for a workload, such as a job of a CI system: an ID token, which the trust server's token
 * endpoint exchanges for tokens of its own. It lies in a variable, in a file that one names, or is asked for where the CI system says
 * (GitHub's variables), for the audience that the server wants.
 *
 * The token is read anew each time, because those who write it into a file renew it. Nothing of it is in a message or a cause.
 */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { TrustError } from "../errors.ts";
import { isPermitted } from "./address.ts";
import type { CredentialSource } from "./credentials.ts";
import { credentialVariables, secretOf } from "./environment-credentials.ts";

export const workloadVariables = {
  token: "VIDIMUS_OIDC_TOKEN",
  audience: "VIDIMUS_OIDC_AUDIENCE",
  /** Set by the CI system. */
  requestUrl: "ACTIONS_ID_TOKEN_REQUEST_URL",
  requestToken: "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
} as const;

/** What no other program is told. */
export const workloadSecrets: readonly string[] = [workloadVariables.token, workloadVariables.requestToken];

type Environment = Readonly<Record<string, string | undefined>>;

const tokenForm = /^[\w-]{1,8192}\.[\w-]{1,16384}\.[\w-]{1,8192}$/;
const mostAnswer = 65_536;
const longest = 10_000;

/** @param server origin of the one server that it is for */
export function workloadCredentials(environment: Environment, server: string): CredentialSource {
  return {
    async own(purpose) {
      if (purpose.server === server && isGiven(environment))
        refuseSecond(environment, credentialVariables.token);
      return undefined;
    },
    async find(purpose, signal) {
      if (purpose.server !== server) return undefined;
      const token =
        (await secretOf(environment, workloadVariables.token)) ?? (await asked(environment, signal));
      if (token === undefined) return undefined;
      if (!tokenForm.test(token)) throw bad("What the environment gives is no ID token.");
      refuseSecond(environment, credentialVariables.user);
      return { kind: "workload", token };
    },
  };
}

function isGiven(environment: Environment): boolean {
  const { token, audience } = workloadVariables;
  return [token, `${token}_FILE`, audience].some((name) => environment[name]);
}

function refuseSecond(environment: Environment, other: string): void {
  if (!environment[other] && !environment[`${other}_FILE`]) return;
  const { token, audience } = workloadVariables;
  throw bad(`Give ${token} or ${audience}, or ${other}, and not both: it must be plain who asks.`);
}

/** Only where somebody says for which audience: no job tells who it is because a CI system would let it. */
async function asked(environment: Environment, signal: AbortSignal): Promise<string | undefined> {
  const { audience, requestUrl, requestToken } = workloadVariables;
  const wanted = environment[audience];
  if (!wanted) return undefined;
  const [address, bearer] = [environment[requestUrl], environment[requestToken]];
  if (!address || !bearer)
    throw bad(
      `${audience} is set, and neither ${workloadVariables.token} nor ${requestUrl} and ${requestToken}: let the job have ID tokens.`,
    );
  const url = URL.parse(address);
  if (url === null || !isPermitted(url)) throw bad(`What ${requestUrl} gives is no https address.`);
  url.searchParams.set("audience", wanted);
  const text = await get(url, bearer, AbortSignal.any([signal, AbortSignal.timeout(longest)]));
  try {
    const { value } = JSON.parse(text) as { value?: unknown };
    if (typeof value === "string") return value;
  } catch {
    // The parser's message quotes the text.
  }
  throw bad(`${url.origin} gives no ID token.`);
}

/** One answer, without redirects. */
function get(url: URL, bearer: string, signal: AbortSignal): Promise<string> {
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      reject(bad(`${url.origin} gives no ID token (${why}).`));
      sent.destroy();
    };
    const headers = { authorization: `Bearer ${bearer}`, accept: "application/json" };
    const sent = request(url, { headers, agent: false, signal });
    sent.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? "no answer"));
    sent.on("response", (response) => {
      if (response.statusCode !== 200) return fail(`it answers ${response.statusCode}`);
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > mostAnswer) fail("its answer does not end");
      });
      response.on("error", () => fail("its answer breaks off"));
      response.on("end", () => resolve(text));
    });
    sent.end();
  });
}

function bad(what: string): TrustError {
  const next = "Correct the variables of the job, or what it may ask its CI system for.";
  return new TrustError("CREDENTIALS", what, { remedy: { who: "you", next } });
}
