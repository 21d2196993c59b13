/** What `openTrust` is told, checked before anything else happens: an option that is not understood refuses the whole. */
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { meant } from "../core/nearest.ts";
import { TrustError } from "./errors.ts";
import type { OnEvent } from "./events.ts";
import { parseServer } from "./fetch/address.ts";
import { type ClientLimits, defaultLimits, mostLimits } from "./limits.ts";

export interface TrustOptions {
  /** The policy: the path of its file, or its content as a value. Without one, `notaryConfig` has to bring the pins. */
  readonly policy?: string | object;
  /** The trust server for rules that name none: `https://notary.example.test:4443`. */
  readonly server?: string;
  /** Path of a PEM file with the authorities of that server's certificate, instead of the system's. Needs `server`. */
  readonly ca?: string;
  /** Paths of PEM files with which this client shows itself to that server. */
  readonly clientCertificate?: { readonly certificate: string; readonly key: string };
  /** Where verified files and versions are kept. Default: `vidimus` in the user's cache folder. */
  readonly cacheDir?: string;
  /** Path of a Notary `config.json`, whose `trust_pinning` gives pins where the policy gives none. */
  readonly notaryConfig?: string;
  /** Path of a `vidimus.lock`: versions below those in it are refused, even with an empty cache. */
  readonly lock?: string;
  /** Docker's configuration folder. Default: `DOCKER_CONFIG`, or `.docker` in the home directory. */
  readonly dockerConfig?: string;
  readonly limits?: Partial<ClientLimits>;
  readonly onEvent?: OnEvent;
  /** The clock, in milliseconds since 1970 UTC. Default: the system's. */
  readonly now?: () => number;
  /**
   * Instead of the process's: variables for folders and credential helpers. Proxies are those of the process; without
   * their variables here none is used.
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface OpenOptions extends TrustOptions {
  readonly cacheDir: string;
  readonly dockerConfig: string;
  readonly limits: ClientLimits;
  readonly onEvent: OnEvent;
  readonly now: () => number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

type Kind = "text" | "object" | "function" | "text or object";

/** The longest time that the platform's timers know; enough for every other limit too. */
const largestLimit = 2_147_483_647;

const kinds: Readonly<Record<keyof TrustOptions, Kind>> = {
  policy: "text or object",
  server: "text",
  ca: "text",
  clientCertificate: "object",
  cacheDir: "text",
  notaryConfig: "text",
  lock: "text",
  dockerConfig: "text",
  limits: "object",
  onEvent: "function",
  now: "function",
  environment: "object",
};

/** Throws `OPTION_INVALID`. */
export function checkOptions(options: TrustOptions): OpenOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw invalid(`The options must be an object, such as { policy: "trust.yaml" }.`);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(kinds, name)) {
      throw invalid(
        `There is no option ${JSON.stringify(name.slice(0, 64))}${meant(name, Object.keys(kinds))}`,
      );
    }
    const kind = kinds[name as keyof TrustOptions];
    if (value !== undefined && !fits(value, kind)) throw invalid(`The option ${name} must be ${kind}.`);
  }
  checkClientCertificate(options.clientCertificate);
  checkServer(options);
  const environment = options.environment ?? process.env;
  return {
    ...options,
    environment,
    cacheDir: options.cacheDir ?? defaultCacheDir(environment),
    dockerConfig: options.dockerConfig ?? (environment.DOCKER_CONFIG || join(homeOf(environment), ".docker")),
    limits: checkLimits(options.limits ?? {}),
    onEvent: options.onEvent ?? (() => {}),
    now: options.now ?? Date.now,
  };
}

function fits(value: unknown, kind: Kind): boolean {
  const isText = typeof value === "string" && value !== "";
  const isObject = typeof value === "object" && value !== null;
  if (kind === "text") return isText;
  if (kind === "function") return typeof value === "function";
  return kind === "object" ? isObject : isText || isObject;
}

function checkClientCertificate(given: TrustOptions["clientCertificate"]): void {
  if (given === undefined) return;
  const names = Object.keys(given).sort().join();
  if (names !== "certificate,key" || !Object.values(given).every((path) => fits(path, "text")))
    throw invalid("The option clientCertificate must have the texts certificate and key, and nothing else.");
}

/** What belongs to a server is nothing without it: it would be passed over in silence. */
function checkServer({ server, ca, clientCertificate }: TrustOptions): void {
  if (server !== undefined) return void parseServer(server);
  const alone = ca !== undefined ? "ca" : clientCertificate !== undefined ? "clientCertificate" : undefined;
  if (alone === undefined) return;
  throw invalid(
    `The option ${alone} belongs to the option server, which is not given: give it as well, or write ${alone} into the policy, under \`servers\` and the server's address.`,
  );
}

function checkLimits(given: Partial<ClientLimits>): ClientLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultLimits, name)) {
      throw invalid(
        `There is no limit ${JSON.stringify(name.slice(0, 64))}${meant(name, Object.keys(defaultLimits))}`,
      );
    }
    const most = mostLimits[name as keyof ClientLimits] ?? largestLimit;
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw invalid(`The limit ${name} must be a whole number from 1 to ${most}.`);
  }
  return { ...defaultLimits, ...given };
}

/** `XDG_CACHE_HOME/vidimus`, or `.cache/vidimus` in the home directory. */
export function defaultCacheDir(environment: Readonly<Record<string, string | undefined>>): string {
  const { XDG_CACHE_HOME: cache } = environment;
  return join(
    cache !== undefined && isAbsolute(cache) ? cache : join(homeOf(environment), ".cache"),
    "vidimus",
  );
}

function homeOf({ HOME }: Readonly<Record<string, string | undefined>>): string {
  return HOME || homedir();
}

function invalid(sentence: string): TrustError {
  return new TrustError("OPTION_INVALID", sentence);
}
