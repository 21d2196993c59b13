/**
 * A whole server without TLS: application, service, sealed signer and a store, on a free port of the loopback.
 *
 * Invariants, kept here so that no test can forget them (docs/threats.md, at its top)
 * - after an accepted publish the chain check passes;
 * - after a refused one nothing was stored: the revision, the current files and the changefeed are what they were.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { notary } from "../../src/core/format/notary.ts";
import type { ListedKey } from "../../src/core/keys.ts";
import { createApp } from "../../src/http/app.ts";
import type { Access } from "../../src/http/auth/access.ts";
import type { AppOptions } from "../../src/http/options.ts";
import { defaultPolicy, type Policy } from "../../src/policy/policy.ts";
import type { WatchOptions } from "../../src/service/expiry/open-watch.ts";
import type { OnlineKeySettings } from "../../src/service/online/keys.ts";
import type { OnlineRoleSettings } from "../../src/service/online/roles.ts";
import { PolicyInForce } from "../../src/service/policy-in-force.ts";
import type { ProposalSettings } from "../../src/service/proposals/proposal-service.ts";
import type { Reading } from "../../src/service/reading.ts";
import type { TrustService } from "../../src/service/service.ts";
import { createTrustService } from "../../src/service/trust.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { keySecret } from "../../src/signer/secret.ts";
import type { Signer } from "../../src/signer/signer.ts";
import type { OnlineRole, Store } from "../../src/store/contract/store.ts";
import { openMemory } from "../../src/store/memory.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { type BuiltinOptions, builtinAccess } from "./builtin.ts";
import { type Chain, type ChainOptions, checkChain } from "./chain.ts";
import { type Answer, HttpClient, type RequestOptions } from "./client.ts";
import { multipart, multipartType, parts } from "./multipart.ts";
import { type Files, listed, newKey, Owner } from "./publisher.ts";

/** Where every test begins. */
export const start = Date.UTC(2030, 0, 1);

export const backEnds = ["memory", "sqlite"] as const;
export type BackEnd = (typeof backEnds)[number];

export class TestClock {
  #at: number;
  constructor(at: number) {
    this.#at = at;
  }
  now(): number {
    return this.#at;
  }
  set(at: number): void {
    this.#at = at;
  }
  advance(milliseconds: number): void {
    this.#at += milliseconds;
  }
}

export interface ServerOptions extends WatchOptions {
  readonly backEnd?: BackEnd;
  /** Another server whose store, secret and clock this one shares, as a second process would. Close it first. */
  readonly beside?: TestServer;
  readonly at?: number;
  readonly wrapStore?: (store: Store) => Store;
  readonly wrapSigner?: (signer: Signer) => Signer;
  readonly keys?: Partial<OnlineKeySettings>;
  readonly roles?: Partial<OnlineRoleSettings>;
  readonly policy?: Policy;
  /** In its place: one that the test changes while the server runs. */
  readonly policyInForce?: PolicyInForce;
  readonly limits?: Partial<AppOptions["limits"]>;
  readonly repositories?: Partial<AppOptions["repositories"]>;
  readonly caching?: AppOptions["caching"];
  readonly apis?: AppOptions["apis"];
  readonly refreshInterval?: number;
  /** Who may call; everybody without. */
  readonly access?: (parts: { now: () => number; logger: Logger }) => Access;
  /** Its store is behind its mark. */
  readonly behind?: boolean;
  /** The built-in token endpoint, in the place of `access`. */
  readonly builtin?: BuiltinOptions;
  /** Where files are read; on this thread without. Closed with the server. */
  readonly reading?: Reading;
  readonly proposals?: Partial<ProposalSettings>;
  /** Bytes of the key-encryption key; random without. */
  readonly secret?: Uint8Array;
}

export type PublishChecks = Omit<ChainOptions, "at">;

export interface TestServer {
  readonly clock: TestClock;
  /** As the service sees it, faults and all. */
  readonly service: TrustService;
  /** The real store, below every wrapper. */
  readonly store: Store;
  /** Bytes of the key-encryption key. */
  readonly secret: Uint8Array;
  /** Of an SQLite store that is not shared. */
  readonly directory: string | undefined;
  readonly port: number;
  /** Lines of the log, at level debug. */
  readonly log: string[];
  get(path: string, headers?: RequestOptions["headers"]): Promise<Answer>;
  request(path: string, options?: RequestOptions): Promise<Answer>;
  raw(bytes: Uint8Array | string, options?: { halfClose?: boolean; silence?: number }): Promise<string>;
  /** A file of a repository: `root.json`, `2.targets.json`. */
  file(repository: string, name: string, headers?: RequestOptions["headers"]): Promise<Answer>;
  /** Publishes, and checks what must hold afterwards. */
  publish(repository: string, files: Files, checks?: PublishChecks): Promise<Answer>;
  /** The same with a body and headers of one's own. */
  upload(
    repository: string,
    body: Uint8Array,
    headers?: RequestOptions["headers"],
    checks?: PublishChecks,
  ): Promise<Answer>;
  /**
   * Publishes all at once, to this server and others in turn; the chain check passes afterwards, and every acceptance
   * has its revision.
   */
  publishTogether(
    repository: string,
    uploads: readonly Files[],
    others?: readonly TestServer[],
  ): Promise<Answer[]>;
  /** Runs what must store nothing in a repository. */
  storesNothing<T>(repository: string, task: () => Promise<T>): Promise<T>;
  chainCheck(repository: string, checks?: PublishChecks): Promise<Chain>;
  key(repository: string, role: OnlineRole, method?: "GET" | "POST"): Promise<ListedKey>;
  /** A publisher whose snapshot the server signs, or who does that too; nothing is published yet. */
  owner(repository: string, snapshot?: "server" | "client"): Promise<Owner>;
  close(): Promise<void>;
}

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const { backEnd = "memory", at = start, beside } = options;
  const directory = backEnd === "sqlite" ? mkdtempSync(join(tmpdir(), "vidimus-test-")) : undefined;
  const store = beside?.store ?? (directory === undefined ? openMemory() : await openSqlite({ directory }));
  const clock = beside?.clock ?? new TestClock(at);
  const log: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(line) });
  const secretBytes = beside?.secret ?? options.secret ?? randomBytes(32);
  const secret = keySecret(secretBytes);
  const record = await store.createKeyring(await createSealedRecord(secret));
  const signer = await openSealed({ secret, record });
  const service = createTrustService({
    // Two services over one store: the last one to go closes it, below.
    store: { ...(options.wrapStore?.(store) ?? store), close: async () => {} },
    signer: options.wrapSigner?.(signer) ?? signer,
    format: notary,
    ...(options.reading && { reading: options.reading }),
    clock,
    logger,
    policy: options.policyInForce ?? new PolicyInForce(options.policy ?? defaultPolicy),
    keys: { algorithm: "ecdsa", mostPending: 10_000, pendingLifetime: 7 * 86_400_000, ...options.keys },
    roles: {
      timestampLifetime: 14 * 86_400_000,
      snapshotLifetime: 1_095 * 86_400_000,
      renewAfter: 0.5,
      ...options.roles,
    },
    cacheBytes: 16 * 1024 * 1024,
    refreshInterval: options.refreshInterval ?? 3_600_000,
    readOnly: false,
    behind: options.behind ?? false,
    markLag: () => 0,
    proposals: options.proposals ?? {},
    ...(options.announcer && { announcer: options.announcer }),
    ...(options.expirySources && { expirySources: options.expirySources }),
    ...(options.expiry && { expiry: options.expiry }),
  });
  const app = await createApp({
    service,
    logger,
    trustedProxies: [],
    repositories: { prefixes: [], olderNames: false, ...options.repositories },
    caching: options.caching ?? { current: 0, consistent: 2_592_000 },
    limits: {
      uploadBytes: 8 * 1024 * 1024,
      uploadFiles: 200,
      uploadsInMemory: 64 * 1024 * 1024,
      uploadsExamined: 256,
      ...options.limits,
    },
    ...(options.builtin && builtinAccess(store, () => clock.now(), options.builtin)),
    ...(options.access && { access: options.access({ now: () => clock.now(), logger }) }),
    apis: options.apis ?? { notary: true, metrics: true, probes: true },
  });
  const port = Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port);
  const client = new HttpClient(port);
  return server({ clock, service, store, secret: secretBytes, directory, port, log, client }, async () => {
    client.close();
    await app.close();
    await service.close();
    if (beside === undefined) await store.close();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });
}

interface Parts {
  readonly clock: TestClock;
  readonly service: TrustService;
  readonly store: Store;
  readonly secret: Uint8Array;
  readonly directory: string | undefined;
  readonly port: number;
  readonly log: string[];
  readonly client: HttpClient;
}

function server({ client, ...rest }: Parts, close: () => Promise<void>): TestServer {
  const { store, clock } = rest;
  const self: TestServer = {
    ...rest,
    close,
    get: (path, headers = {}) => client.request(path, { headers }),
    request: (path, options) => client.request(path, options),
    raw: (bytes, options) => client.raw(bytes, options),
    file: (repository, name, headers = {}) =>
      client.request(`/v2/${repository}/_trust/tuf/${name}`, { headers }),

    publish: (repository, files, checks) =>
      self.upload(repository, multipart(parts(files)), { "content-type": multipartType }, checks),

    async upload(repository, body, headers = { "content-type": multipartType }, checks = {}) {
      const before = await stored(store, repository);
      const answer = await client.request(tuf(repository), { method: "POST", headers, body });
      if (answer.status === 200) await self.chainCheck(repository, checks);
      else same(before, await stored(store, repository));
      return answer;
    },

    async publishTogether(repository, uploads, others = []) {
      const before = await stored(store, repository);
      const servers = [self, ...others];
      const answers = await Promise.all(
        uploads.map((files, i) =>
          (servers[i % servers.length] as TestServer).request(tuf(repository), {
            method: "POST",
            headers: { "content-type": multipartType },
            body: multipart(parts(files)),
          }),
        ),
      );
      const accepted = answers.filter(({ status }) => status === 200).length;
      const after = await stored(store, repository);
      if (after.revision !== before.revision + accepted) {
        throw new Error(`${accepted} publishes made ${after.revision - before.revision} revisions`);
      }
      if (accepted > 0 && others.length === 0) await self.chainCheck(repository);
      // What one process keeps at hand another does not hear of: a third one looks.
      if (accepted > 0 && others.length > 0) {
        const third = await startServer({ beside: self });
        try {
          await third.chainCheck(repository);
        } finally {
          await third.close();
        }
      }
      return answers;
    },

    async storesNothing(repository, task) {
      const before = await stored(store, repository);
      const result = await task();
      same(before, await stored(store, repository));
      return result;
    },

    chainCheck: (repository, checks = {}) =>
      checkChain((path) => client.request(path), repository, { ...checks, at: clock.now() }),

    async key(repository, role, method = "GET") {
      const { body } = await client.request(`${tuf(repository)}${role}.key`, { method });
      const { keytype, keyval } = JSON.parse(body.toString("utf8"));
      return listed(keytype, keyval.public);
    },

    async owner(repository, snapshot = "server") {
      return await Owner.make(repository, {
        at: clock.now(),
        timestamp: await self.key(repository, "timestamp"),
        snapshot: snapshot === "server" ? await self.key(repository, "snapshot") : newKey(),
      });
    },
  };
  return self;
}

function tuf(repository: string): string {
  return `/v2/${repository}/_trust/tuf/`;
}

/** What a refusal must leave as it was. */
interface Stored {
  readonly revision: number;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly newestChange: number;
}

async function stored(store: Store, repository: string): Promise<Stored> {
  const { revision, current } = await store.state(repository);
  const files = new Map<string, Uint8Array>();
  for (const role of current.keys()) {
    const file = await store.current(repository, role);
    if (file !== undefined) files.set(role, Uint8Array.from(file.bytes));
  }
  const changes = await store.changes({ repository, direction: "backwards", limit: 1 });
  return { revision, files, newestChange: changes.at(-1)?.id ?? 0 };
}

function same(before: Stored, after: Stored): void {
  const unchanged =
    before.revision === after.revision &&
    before.newestChange === after.newestChange &&
    before.files.size === after.files.size &&
    [...before.files].every(([role, bytes]) => {
      const now = after.files.get(role);
      return now !== undefined && Buffer.compare(bytes, now) === 0;
    });
  if (!unchanged) throw new Error("a refusal left something in the store");
}
