/**
 * The built-in token endpoint and everything behind it, as the configuration says: the key that tokens are signed with, the
 * operator's token, the password file, the registry that is asked.
 *
 * Every process of a server makes one; the files of the data directory are made by the one that writes there.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Access } from "../http/auth/access.ts";
import type { BuiltinAccess } from "../http/auth/builtin.ts";
import { StartError, systemCode } from "../serve/errors.ts";
import { writeNew, writeWhole } from "../serve/files.ts";
import type { LoginWaits } from "../service/access/attempts.ts";
import type { PasswordFile } from "../service/access/htpasswd.ts";
import { operatorPrefix } from "../service/access/opaque-token.ts";
import { systemClock } from "../service/clock.ts";
import type { Store } from "../store/contract/store.ts";
import { registryAsker } from "./registry-asker.ts";

export interface OpenedBuiltin {
  readonly access: Access;
  readonly builtin: BuiltinAccess;
  /** Never throws. */
  reload(): void;
}

export const operatorTokenFile = "operator-token";
const tokenKeyFile = "token-key.pem";
const mostBytes = 4 * 1024 * 1024;

/** Hashes under way, and logins that wait for one, in a process. */
const lanes = { width: 2, waiting: 64 };

/** Makes what the data directory lacks, and the operator's token anew. Throws `StartError`. */
export function prepareBuiltin(directory: string, { auth }: Config): void {
  if (auth.builtin.key === undefined) makeTokenKey(join(directory, tokenKeyFile));
  writeWhole(
    join(directory, operatorTokenFile),
    `${operatorPrefix}${randomBytes(32).toString("base64url")}\n`,
    0o600,
  );
}

/** Throws `StartError`. */
export async function openBuiltin(
  config: Config,
  directory: string,
  { access: store, audit }: Pick<Store, "access" | "audit">,
  { logger, attempts }: { readonly logger: Logger; readonly attempts: LoginWaits | undefined },
): Promise<OpenedBuiltin> {
  const { auth, limits, server } = config;
  const { builtin } = auth;
  const { realm = "", service } = builtin;
  const now = () => systemClock.now();
  const { Administration } = await import("../service/access/administration.ts");
  const { Attempts } = await import("../service/access/attempts.ts");
  const { Logins } = await import("../service/access/logins.ts");
  const { createOpaqueTokens } = await import("../service/access/opaque-tokens.ts");
  const { isStillAdministrator } = await import("../service/access/still-administrator.ts");
  const { createPasswords, Lane } = await import("../service/access/password.ts");
  const { accessByToken } = await import("../http/auth/access.ts");
  const { createMinter } = await import("../http/auth/minting.ts");
  const lane = new Lane(lanes.width, lanes.waiting);
  const passwords = createPasswords(lane);
  const minter = tokenKeyOf(builtin.key ?? join(directory, tokenKeyFile), (pem) =>
    createMinter(pem, service),
  );
  const registry = builtin.registry === undefined ? undefined : new URL(builtin.registry);
  const logins = new Logins(
    {
      store,
      passwords,
      passwordFile: await openPasswordFile(builtin.passwordFile, logger),
      askRegistry: registry && (await registryAsker(registry, readAuthority(builtin.registryAuthority))),
    },
    {
      attempts: attempts ?? new Attempts(),
      lane,
      rememberFor: builtin.rememberFor,
      now,
      onFailure: (failure) => logger.info(failure, "a login failed"),
    },
  );
  const { openOidc } = await import("./oidc.ts");
  const opened = await openOidc(config, logger);
  const access = accessByToken({
    realm,
    service,
    issuers: minter.issuers,
    administers: (principal) => isStillAdministrator(store, principal, now()),
    opaque: createOpaqueTokens({ store, operatorToken: operatorToken(directory), now }),
    anonymousRead: auth.anonymousRead,
    failuresPerMinute: limits.failuresPerMinute,
    changesPerMinute: limits.changesPerMinute,
    now,
    logger,
  });
  return {
    access,
    reload: () => opened?.reload(),
    builtin: {
      logins,
      administration: new Administration(store, passwords, now),
      minter,
      ...(opened && { oidc: opened.oidc }),
      realm,
      service,
      tokenLifetime: builtin.tokenLifetime,
      sessionLifetime: builtin.sessionLifetime,
      now,
      async onAdministrator(actor) {
        logger.info({ ...actor }, "an administrator logged in");
        const record = { at: now(), kind: "administrator.logged-in", actor, repository: "", detail: "{}" };
        if (!server.readOnly) await audit.append(record);
      },
    },
  };
}

function makeTokenKey(path: string): void {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  try {
    writeNew(path, privateKey.export({ type: "pkcs8", format: "pem" }).toString(), 0o600);
  } catch (error) {
    // One that is there is the one that counts.
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

function tokenKeyOf<T>(path: string, use: (pem: string) => T): T {
  try {
    return use(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new StartError(
      "TOKEN_KEYS_UNUSABLE",
      `The key ${path} that tokens are signed with cannot be used: put a private key on P-256 there as PEM, readable by this user.`,
      cause,
    );
  }
}

function readAuthority(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new StartError(
      "TOKEN_KEYS_UNUSABLE",
      `The file ${path} that auth.builtin.registryAuthority names cannot be read (${systemCode(cause)}): put the registry's CA there.`,
      cause,
    );
  }
}

/** Read at each question, so that a reader of another process has the one that counts since the last start. */
function operatorToken(directory: string): () => string | undefined {
  const path = join(directory, operatorTokenFile);
  return () => {
    try {
      return readFileSync(path, "utf8").trim();
    } catch {
      return undefined;
    }
  };
}

/** The file as it is now. One that cannot be read later is as if it were empty: nobody gets in by what it was. */
async function openPasswordFile(
  path: string | undefined,
  logger: Logger,
): Promise<() => PasswordFile | undefined> {
  if (path === undefined) return () => undefined;
  const { parsePasswordFile } = await import("../service/access/htpasswd.ts");
  const read = (): { stamp: string; file: PasswordFile } => {
    const { size, mtimeMs, ino } = statSync(path);
    if (size > mostBytes) throw Object.assign(new Error("the file is too large"), { code: "EFBIG" });
    const file = parsePasswordFile(readFileSync(path, "utf8"));
    if (file.unusable.length > 0) {
      const lines = file.unusable;
      logger.warn({ lines }, "lines of the password file cannot be used: only bcrypt (htpasswd -B) is read");
    }
    if (file.unread !== undefined)
      logger.warn(
        { line: file.unread },
        "the password file has too many lines: from this one on none is read",
      );
    return { stamp: `${size} ${mtimeMs} ${ino}`, file };
  };
  let known: ReturnType<typeof read> | undefined;
  try {
    known = read();
  } catch (cause) {
    throw new StartError(
      "PASSWORD_FILE_UNUSABLE",
      `The file ${path} that auth.builtin.passwordFile names cannot be read (${systemCode(cause)}): mend it or its rights.`,
      cause,
    );
  }
  return () => {
    try {
      const { size, mtimeMs, ino } = statSync(path);
      if (known?.stamp !== `${size} ${mtimeMs} ${ino}`) known = read();
    } catch (error) {
      if (known !== undefined)
        logger.error({ err: error }, "the password file cannot be read: its names are refused");
      known = undefined;
    }
    return known?.file;
  };
}
