/** The trust servers of a policy: one fetcher each, made when it is first wanted. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { dirname, resolve } from "node:path";
import { trimmed } from "../../policy/schema.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import type { Fetcher } from "../fetch/fetcher.ts";
import { type NamedBy, readPem } from "../files/pem-file.ts";
import type { OpenOptions } from "../options.ts";

export { trimmed };

/** A file that a policy names: relative to the policy's own folder. */
export function besidePolicy(path: string, { policy }: Pick<OpenOptions, "policy">): string {
  return typeof policy === "string" ? resolve(dirname(policy), path) : resolve(path);
}

export class Servers {
  readonly #options: OpenOptions;
  readonly #policy: TrustPolicy;
  readonly #fetchers = new Map<string, Promise<Fetcher>>();

  constructor(options: OpenOptions, policy: TrustPolicy) {
    this.#options = options;
    this.#policy = policy;
  }

  /** @param url without a slash at its end. Throws `OPTION_INVALID`, `FILE_UNREADABLE`. */
  fetcher(url: string): Promise<Fetcher> {
    const known = this.#fetchers.get(url);
    if (known !== undefined) return known;
    const made = this.#make(url);
    this.#fetchers.set(url, made);
    // What could not be read may be mended before the next question.
    made.catch(() => this.#fetchers.delete(url));
    return made;
  }

  async close(): Promise<void> {
    for (const made of this.#fetchers.values()) (await made.catch(() => undefined))?.close();
  }

  async #make(server: string): Promise<Fetcher> {
    const { environment, dockerConfig, limits, onEvent } = this.#options;
    const [{ createFetcher }, { usualCredentials }] = await Promise.all([
      import("../fetch/http-fetcher.ts"),
      import("../fetch/sources.ts"),
    ]);
    const { ca, clientCertificate, tokenRealms } = await this.#identity(server);
    return createFetcher({
      server,
      ca,
      clientCertificate,
      tokenRealms,
      // For the server of all rules that name none: a secret in the environment goes to that one.
      credentials: usualCredentials({
        server,
        named: this.#policy.server ?? this.#options.server,
        dockerConfig,
        environment,
      }),
      environment,
      limits: {
        requestTime: limits.requestTime,
        tries: limits.tries,
        redirects: limits.redirects,
        connections: limits.connections,
      },
      onRequest: (event) => onEvent({ type: "request", ...event }),
    });
  }

  /** How a server is known and how this client is known to it: by the policy, the options, or Docker's folder for it. */
  async #identity(server: string) {
    const options = this.#options;
    const settings = this.#policy.servers.get(server);
    const isOwn = options.server !== undefined && trimmed(options.server) === server;
    const own = isOwn ? options : undefined;
    const fromPolicy = settings && {
      ca: settings.ca && besidePolicy(settings.ca, options),
      clientCertificate: settings.clientCertificate && {
        certificate: besidePolicy(settings.clientCertificate.certificate, options),
        key: besidePolicy(settings.clientCertificate.key, options),
      },
    };
    const ca = own?.ca ?? fromPolicy?.ca;
    const pair = own?.clientCertificate ?? fromPolicy?.clientCertificate;
    const tokenRealms = settings?.tokenRealms;
    if (ca === undefined && pair === undefined && server.startsWith("https:")) {
      const { dockerTls } = await import("../fetch/docker-tls.ts");
      return { ...(await dockerTls(options.dockerConfig, server)), tokenRealms };
    }
    const by = (key: string, isOption: boolean): NamedBy => {
      const { source } = this.#policy;
      return isOption
        ? { option: key }
        : { key, file: source?.file, line: source?.lines.get(`servers.${server}.${key}`) };
    };
    const isOwnCa = own?.ca !== undefined;
    const ofPair = (key: "certificate" | "key") =>
      by(`clientCertificate.${key}`, own?.clientCertificate !== undefined);
    return {
      ca:
        ca === undefined
          ? undefined
          : await readPem(ca, "certificate authority", by("ca", isOwnCa), certificate),
      clientCertificate: pair && {
        certificate: await readPem(
          pair.certificate,
          "client certificate",
          ofPair("certificate"),
          certificate,
        ),
        key: await readPem(pair.key, "client key", ofPair("key"), privateKey),
      },
      tokenRealms,
    };
  }
}

/** Throws what the platform says of a text that is no certificate. */
function certificate(pem: string): string {
  new X509Certificate(pem);
  return pem;
}

/** Throws what the platform says of a text that is no key without a passphrase. */
function privateKey(pem: string): string {
  createPrivateKey(pem);
  return pem;
}
