/** Which certificate a server uses, and how it stays fresh: the operator's files, or the one that the server makes. */
import { statSync } from "node:fs";
import { isIP } from "node:net";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Clock } from "../service/clock.ts";
import { ensureCertificate } from "./certificates.ts";
import { type KeyPair, readKeyPair } from "./key-pair.ts";
import { type Reloader, startReloader } from "./reloader.ts";

export interface ServerTls {
  readonly pair: KeyPair;
  /** The CA that clients need, when the server made it. */
  readonly authority: { readonly file: string; readonly fingerprint: string } | undefined;
  /** Starts looking for a newer pair, which `apply` puts into service. */
  keepFresh(apply: (pair: KeyPair) => void): Reloader;
}

/** How often the operator's files are looked at. */
const fileInterval = 1_000;
/** How often the server asks itself whether its own certificate is near its end. */
const renewalInterval = 12 * 3_600_000;

const anyAddress: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** The operator's pair, or undefined if none is configured. Throws `StartError`. */
export function readGivenPair({ certificate, key }: Config["tls"], logger: Logger): KeyPair | undefined {
  if (certificate === undefined || key === undefined) return undefined;
  const pair = readKeyPair({ certificate, key });
  if ((statSync(key).mode & 0o007) !== 0) {
    logger.warn({ file: key }, "everybody on this machine can read the TLS key: run chmod o-rwx on it");
  }
  return pair;
}

export interface TlsRequest {
  readonly config: Config;
  /** What `readGivenPair` gave. */
  readonly given: KeyPair | undefined;
  /** The data directory. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Another process makes the server's own certificate: it is read here, again whenever it changes. */
  readonly reading?: boolean;
}

/** Undefined if no listener uses TLS. Throws `StartError`. */
export async function openTls({
  config,
  given,
  directory,
  clock,
  logger,
  reading = false,
}: TlsRequest): Promise<ServerTls | undefined> {
  const { server, operations, tls } = config;
  if (server.plainHttp && (!operations.enabled || operations.plainHttp)) return undefined;
  if (given !== undefined && tls.certificate !== undefined && tls.key !== undefined) {
    const paths = { certificate: tls.certificate, key: tls.key };
    return {
      pair: given,
      authority: undefined,
      keepFresh: (apply) =>
        startReloader({
          pair: given,
          load: () => Promise.resolve(paths).then(readKeyPair),
          watched: [paths.certificate, paths.key],
          intervalMs: fileInterval,
          apply,
          logger,
        }),
    };
  }
  const ensure = async () => {
    const made = await ensureCertificate({
      directory,
      names: certificateNames(config),
      now: clock.now(),
      readOnly: server.readOnly || reading,
    });
    if (made.warning !== undefined && !reading) logger.warn(made.warning);
    return made;
  };
  const { pair, file, authorityFile, authorityFingerprint } = await ensure();
  return {
    pair,
    authority: { file: authorityFile, fingerprint: authorityFingerprint },
    keepFresh: (apply) =>
      startReloader({
        pair,
        load: async () => (await ensure()).pair,
        watched: reading ? [file] : [],
        intervalMs: reading ? fileInterval : renewalInterval,
        apply,
        logger,
      }),
  };
}

/** The configured names, and the address that clients are told to use. */
function certificateNames({ server, tls }: Config): string[] {
  const listening = isIP(server.host) !== 0 && !anyAddress.has(server.host) && server.socket === undefined;
  return [...new Set([...tls.names, ...(listening ? [server.host] : [])])];
}
