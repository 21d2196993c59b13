/**
 * Who may call, as the configuration says: read when the server starts, and again on SIGHUP. New keys that cannot be used
 * leave the old ones in force.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Access } from "../http/auth/access.ts";
import type { BuiltinAccess } from "../http/auth/builtin.ts";
import type { IssuerKeys } from "../http/auth/issuer-keys.ts";
import { StartError } from "../serve/errors.ts";
import type { LoginWaits } from "../service/access/attempts.ts";
import { systemClock } from "../service/clock.ts";
import type { Store } from "../store/contract/store.ts";

export interface AccessSource {
  /**
   * What an application is given: nothing where callers are not authenticated. Once the store is open: what this server
   * knows itself is in it (`builtin.ts`).
   */
  options(): { readonly access?: Access; readonly builtin?: BuiltinAccess };
  /** To be called when the store is open. `makes`: what is missing in the directory is made. Throws `StartError`. */
  opened(directory: string, store: Store, makes: boolean): Promise<void>;
  /** Never rejects. */
  reload(): Promise<void>;
}

const mostBytes = 1024 * 1024;
const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Throws `StartError` (`TOKEN_KEYS_UNUSABLE`). `attempts`: absent, this process remembers failed logins for itself. */
export async function openAccess(
  config: Config,
  logger: Logger,
  attempts?: LoginWaits,
): Promise<AccessSource> {
  const { auth, limits } = config;
  const nothing = async () => {};
  if (auth.mode === "none") return { options: () => ({}), opened: nothing, reload: nothing };
  if (auth.mode === "builtin") return await ofBuiltin(config, logger, attempts);
  const { realm = "", service = "", issuer = "" } = auth.token;
  let keys = await readKeys(auth.token);
  const { accessByToken } = await import("../http/auth/access.ts");
  const access = accessByToken({
    realm,
    service,
    issuers: [
      { issuer, audience: service, method: "token", keys: { find: (...token) => keys.find(...token) } },
    ],
    anonymousRead: auth.anonymousRead,
    failuresPerMinute: limits.failuresPerMinute,
    changesPerMinute: limits.changesPerMinute,
    now: () => systemClock.now(),
    logger,
  });
  return {
    options: () => ({ access }),
    opened: nothing,
    async reload() {
      try {
        keys = await readKeys(auth.token);
        access.forget();
        logger.info("the keys of the token service were read again");
      } catch (error) {
        logger.error(
          { err: error },
          "the keys of the token service cannot be used, the old ones stay in force",
        );
      }
    },
  };
}

async function ofBuiltin(
  config: Config,
  logger: Logger,
  attempts: LoginWaits | undefined,
): Promise<AccessSource> {
  const { openBuiltin, prepareBuiltin } = await import("./builtin.ts");
  let open: Awaited<ReturnType<typeof openBuiltin>> | undefined;
  return {
    options() {
      if (open === undefined) throw new TypeError("access was asked for before the store was open");
      const { access, builtin } = open;
      return { access, builtin };
    },
    async opened(directory, store, makes) {
      if (makes) prepareBuiltin(directory, config);
      open = await openBuiltin(config, directory, store, { logger, attempts });
    },
    // The password file is looked at with each login; the key of this server's tokens needs a new start.
    reload: async () => open?.reload(),
  };
}

async function readKeys({ certificates, jwks }: Config["auth"]["token"]): Promise<IssuerKeys> {
  const { keysOfCertificates, keysOfSet } = await import("../http/auth/issuer-keys.ts");
  const [key, file] =
    certificates === undefined
      ? (["auth.token.jwks", jwks ?? ""] as const)
      : (["auth.token.certificates", certificates] as const);
  try {
    const text = await readFile(file, "utf8");
    if (text.length > mostBytes) throw new Error("it is larger than 1 MiB");
    if (certificates === undefined) return await keysOfSet(text);
    const found = text.match(certificate) ?? [];
    if (found.length === 0) throw new Error("there is no certificate in it");
    return keysOfCertificates(found.map((pem) => new X509Certificate(pem)));
  } catch (cause) {
    throw new StartError(
      "TOKEN_KEYS_UNUSABLE",
      `The file ${file} that ${key} names cannot be used: put what the token service signs with there, and nothing private.`,
      cause,
    );
  }
}
