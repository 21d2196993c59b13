/**
 * Who may import whom: a data table, in one file because it is read as one. `tools/imports.ts` holds the sources to it.
 *
 * - A place is a file or a folder without its ending: `src/store/sqlite` is `src/store/sqlite.ts` with everything
 *   in `src/store/sqlite/`. The row of a file is the one with the longest place. A file of `src` without a row
 *   is a finding.
 * - A row lists everything. Its own place is always included, but a place that has a row of its own is never part
 *   of the place around it: `src/core` does not include `src/core/format/notary`.
 * - Types count like values.
 */

/** One row. All lists are places, names of packages, or names of built-in modules. */
export interface Row {
  readonly place: string;
  readonly ours: readonly string[];
  readonly packages: readonly string[];
  readonly builtins: readonly string[];
  /** No clock, no timers, no chance, no process: the same arguments give the same answer. */
  readonly pure?: true;
  /** How many imports in it load what a person names, which no table can know. */
  readonly strangers?: number;
  /** Of what is listed in `ours`, the places that may only be loaded when they are needed (types aside). */
  readonly lazily?: readonly string[];
}

/** Loaded by every command, also by those that load nothing of the client. */
const helpExamples = "src/client/cli/examples";
const errors = "src/core/errors";
const ecdsa = "src/core/ecdsa";
const notary = "src/core/format/notary";
/** All that serves: parts about access and audit, which others may see without it, have rows of their own. */
const accessContract = "src/store/contract/access";
const auditContract = "src/store/contract/audit";
const storeContract = ["src/store/contract", accessContract, auditContract];
/** Reading everything as it lies there: for fsck. */
const inspectionContract = "src/store/contract/inspection";
const auditChain = "src/core/audit-chain";
const markContract = "src/store/mark";
const signerContract = "src/signer/signer";
const serviceContract = "src/service/service";
const clock = "src/service/clock";
const durable = "src/durable";
const keyErrors = "src/publisher/custody/errors";
const custody = "src/publisher/custody";
const custodyContract = ["src/publisher/custody/custody", keyErrors];
const movingErrors = "src/moving/databases/errors";
const takeOverErrors = "src/moving/errors";
const publishErrors = "src/publisher/errors";
const outsidePlaces = ["src/publisher/custody/ssh-agent", "src/publisher/custody/pkcs11"];
const outsideKey = "src/publisher/custody/outside-key";
const plugins = ["src/http/notary", "src/http/operations", "src/http/manage"];
const proposalService = "src/service/proposals/proposal-service";
const auditService = "src/service/audit/audit-service";
const serviceParts = ["src/service/expiry/expiry-service", "src/service/retention/retention-service"];
const fsckDamage = "src/service/fsck/damage";
const sharedByStores = [
  ...storeContract,
  auditChain,
  "src/store/bounds",
  "src/store/migrate",
  "src/store/refusals",
  errors,
];
const backEnds = [
  "src/backup",
  "src/store/mark-file",
  "src/store/memory",
  "src/store/sqlite",
  "src/signer/absent",
  "src/signer/sealed",
  "src/signer/secret",
];

const auth = "src/http/auth";
const accessService = ["src/service/access"];
const opaqueTokens = "src/service/access/opaque";

const http: Omit<Row, "place"> = {
  ours: [
    auth,
    accessContract,
    ...accessService,
    serviceContract,
    proposalService,
    auditService,
    ...serviceParts,
    errors,
    "src/core/bytes",
    "src/core/json",
    "src/core/names",
    "src/web",
  ],
  packages: ["@fastify/busboy", "fastify", "jose", "lru-cache", "pino", "prom-client", "zod"],
  builtins: ["node:http", "node:https", "node:net", "node:util", "node:zlib"],
};

export const table: readonly Row[] = [
  // Pure, and shared by server and client.
  { place: "src/core", ours: [ecdsa], packages: [], builtins: ["node:crypto", "node:tls"], pure: true },
  { place: ecdsa, ours: [], packages: [], builtins: [], pure: true },
  { place: notary, ours: ["src/core"], packages: [], builtins: [], pure: true },
  { place: "src/log", ours: [], packages: [], builtins: ["node:crypto"], pure: true },
  { place: "src/policy", ours: ["src/core"], packages: [], builtins: ["node:crypto"], pure: true },
  { place: "src/history", ours: ["src/core", "src/policy"], packages: [], builtins: [], pure: true },
  {
    place: "src/policy/schema",
    ours: ["src/core", "src/policy"],
    packages: ["zod"],
    builtins: [],
    pure: true,
  },

  // What Vidimus does.
  {
    place: "src/service",
    ours: [
      "src/core",
      "src/policy",
      "src/history",
      "src/simulation",
      "src/log",
      ...storeContract,
      opaqueTokens,
      markContract,
      signerContract,
    ],
    packages: ["bcryptjs", "lru-cache", "pino"],
    builtins: ["node:crypto", "node:net", "node:timers/promises"],
  },
  // What readers would say: with the code that they have, given files that nobody serves.
  { place: "src/simulation", ours: ["src/client", "src/core", "src/policy"], packages: [], builtins: [] },
  // Offline, over rows as they lie there: nothing that serves needs it.
  {
    place: "src/service/fsck",
    ours: ["src/core", ...storeContract, inspectionContract, signerContract, fsckDamage],
    packages: [],
    builtins: [],
  },
  { place: fsckDamage, ours: [], packages: [], builtins: [], pure: true },
  { place: opaqueTokens, ours: ["src/service"], packages: [], builtins: [], pure: true },

  // Stores: the contract, what the back ends share, the back ends.
  { place: "src/store/contract", ours: ["src/core", ...storeContract], packages: [], builtins: [] },
  {
    place: accessContract,
    ours: [auditContract, "src/store/contract"],
    packages: [],
    builtins: [],
    pure: true,
  },
  { place: auditContract, ours: ["src/core", "src/store/contract"], packages: [], builtins: [], pure: true },
  { place: inspectionContract, ours: storeContract, packages: [], builtins: [], pure: true },
  { place: markContract, ours: ["src/store/contract"], packages: [], builtins: [] },
  {
    place: durable,
    ours: [],
    packages: [],
    builtins: ["node:fs", "node:path"],
  },
  {
    place: "src/store/mark-file",
    ours: [markContract, errors],
    packages: [],
    builtins: ["node:crypto", "node:fs/promises", "node:path"],
  },
  {
    place: "src/store/bounds",
    ours: storeContract,
    packages: [],
    builtins: [],
  },
  { place: "src/store/refusals", ours: [errors], packages: [], builtins: [] },
  {
    place: "src/store/migrate",
    ours: [errors],
    packages: [],
    builtins: ["node:crypto", "node:fs", "node:url"],
  },
  { place: "src/store/memory", ours: sharedByStores, packages: [], builtins: ["node:buffer"] },
  {
    place: "src/store/sqlite",
    ours: [...sharedByStores, inspectionContract, durable],
    packages: ["better-sqlite3"],
    builtins: ["node:crypto", "node:fs", "node:path", "node:timers", "node:timers/promises", "node:url"],
  },

  // Signers: likewise.
  { place: signerContract, ours: ["src/core"], packages: [], builtins: [] },
  { place: "src/signer/absent", ours: [signerContract, errors], packages: [], builtins: [] },
  {
    place: "src/signer/secret",
    ours: [durable, errors],
    packages: [],
    builtins: ["node:buffer", "node:crypto", "node:fs", "node:path"],
  },
  {
    place: "src/signer/sealed",
    ours: [signerContract, "src/signer/secret", ecdsa, errors],
    packages: ["lru-cache", "tweetnacl"],
    builtins: ["node:buffer", "node:crypto", "node:util"],
  },

  // Both, in a process that holds neither: requests to the one that does.
  {
    place: "src/remote",
    ours: [...[...storeContract, signerContract, "src/store/bounds", errors], "src/service/access/attempts"],
    packages: ["lru-cache"],
    builtins: [],
  },

  // Reading in threads: the pool, and what goes over.
  {
    place: "src/threads",
    ours: ["src/core", "src/service/reading"],
    packages: ["pino"],
    builtins: ["node:worker_threads"],
  },

  // Backups: what they are made of, without knowing the store.
  { place: "src/backup/errors", ours: [], packages: [], builtins: [] },
  {
    place: "src/backup",
    ours: ["src/backup/errors", durable, errors],
    packages: ["age-encryption", "modern-tar", "zod"],
    builtins: ["node:crypto", "node:fs", "node:fs/promises", "node:os", "node:path", "node:util"],
  },

  // Receivers of announcements outside.
  {
    place: "src/webhooks",
    ours: ["src/service/delivery/receiver"],
    packages: [],
    builtins: ["node:crypto", "node:dns", "node:http", "node:https", "node:net"],
  },

  // HTTP: what the plugins share, each plugin, and the one file that knows them all.
  { place: "src/http", ...http },
  ...plugins.map((place) => ({ ...http, place, ours: [...http.ours, "src/http"] })),
  // Who calls, and what they may do.
  {
    place: auth,
    ours: [
      "src/http",
      serviceContract,
      accessContract,
      ...accessService,
      opaqueTokens,
      errors,
      "src/core/json",
      "src/core/certificate-chain",
    ],
    packages: ["fastify", "jose", "lru-cache", "pino", "zod"],
    builtins: ["node:crypto", "node:http", "node:net"],
  },
  { place: "src/http/app", ...http, ours: [...http.ours, "src/http", ...plugins] },
  { place: "src/web", ours: [], packages: [], builtins: [], pure: true },

  // The process around it.
  {
    place: "src/serve",
    ours: ["src/config", "src/http/options", "src/remote/answer", serviceContract, clock, durable, errors],
    packages: ["@peculiar/x509", "fastify", "pino", "reflect-metadata"],
    builtins: [
      "node:cluster",
      "node:crypto",
      "node:fs",
      "node:fs/promises",
      "node:http",
      "node:https",
      "node:net",
      "node:os",
      "node:path",
      "node:tls",
    ],
  },
  {
    place: "src/config",
    // What may be written as a permission and as a claim rule: the same functions refuse it to the API.
    ours: [errors, "src/core/nearest", ...accessService],
    packages: ["yaml", "zod"],
    builtins: ["node:net"],
  },

  // The other side: verifying, signing, the command line.
  // The client's package: the library, what moves its bytes, what it reads, its commands.
  {
    place: "src/client",
    ours: [
      "src/core",
      notary,
      "src/policy",
      "src/policy/schema",
      "src/log",
      "src/client/fetch/fetcher",
      "src/client/fetch",
      "src/client/inputs",
    ],
    packages: ["p-limit", "yaml"],
    builtins: [
      "node:buffer",
      "node:crypto",
      "node:fs",
      "node:fs/promises",
      "node:os",
      "node:path",
      "node:timers/promises",
      "node:url",
    ],
    lazily: [
      "src/client/fetch/http-fetcher",
      "src/client/fetch/docker-credentials",
      "src/client/fetch/docker-tls",
      "src/client/fetch/sources",
    ],
  },
  {
    place: "src/client/fetch/fetcher",
    ours: ["src/client/errors"],
    packages: [],
    builtins: [],
  },
  {
    place: "src/client/fetch",
    ours: ["src/client/errors", "src/client/fetch/fetcher", "src/client/reference", "src/core"],
    packages: ["p-retry", "proxy-from-env"],
    builtins: [
      "node:buffer",
      "node:child_process",
      "node:crypto",
      "node:fs/promises",
      "node:http",
      "node:https",
      "node:net",
      "node:path",
      "node:timers/promises",
      "node:tls",
    ],
  },
  {
    place: "src/client/inputs",
    ours: ["src/client/errors", "src/client/reference", "src/core/nearest"],
    packages: ["dockerfile-ast", "yaml"],
    builtins: [],
    pure: true,
  },
  {
    place: "src/client/cli",
    ours: [
      helpExamples,
      "src/client",
      "src/client/inputs",
      "src/client/fetch",
      "src/client/fetch/fetcher",
      "src/core",
      "src/policy",
    ],
    packages: ["commander"],
    builtins: ["node:fs", "node:fs/promises", "node:path", "node:readline/promises"],
  },
  // Repositories from elsewhere: where they come from, and the server that takes them over.
  { place: takeOverErrors, ours: [], packages: [], builtins: [] },
  // What an old Notary left behind: its databases, and the keys in them.
  { place: movingErrors, ours: [], packages: [], builtins: [] },
  { place: "src/moving/databases", ours: [movingErrors], packages: ["p-limit", "pg"], builtins: ["node:fs"] },
  {
    place: "src/moving",
    ours: [
      takeOverErrors,
      "src/moving/databases",
      movingErrors,
      "src/client",
      "src/client/fetch/fetcher",
      "src/core",
    ],
    packages: ["jose", "p-limit", "p-retry", "zod"],
    builtins: [
      "node:crypto",
      "node:fs",
      "node:fs/promises",
      "node:path",
      "node:timers/promises",
      "node:zlib",
    ],
  },
  // The keys of people: the errors alone are wanted by commands that open none.
  { place: keyErrors, ours: [], packages: [], builtins: [] },
  {
    place: custody,
    ours: [keyErrors, "src/core", "src/client", durable, "src/signer/sealed"],
    packages: ["@peculiar/x509", "asn1js", "reflect-metadata"],
    builtins: ["node:crypto", "node:fs", "node:fs/promises", "node:os", "node:path", "node:util"],
  },
  { place: publishErrors, ours: [], packages: [], builtins: [] },
  {
    place: "src/publisher",
    ours: [
      keyErrors,
      publishErrors,
      custody,
      "src/core",
      notary,
      "src/policy",
      "src/client",
      "src/client/fetch",
      "src/client/fetch/fetcher",
      signerContract,
      "src/signer/sealed",
      "src/signer/secret",
    ],
    packages: ["@peculiar/x509", "reflect-metadata", "zod"],
    builtins: ["node:crypto", "node:fs", "node:fs/promises", "node:os", "node:path", "node:util"],
  },
  // Places of private keys that never give one out: each knows the contract, and none another.
  { place: outsideKey, ours: [...custodyContract, "src/core"], packages: [], builtins: ["node:crypto"] },
  {
    place: "src/publisher/custody/ssh-agent",
    ours: [...custodyContract, outsideKey],
    packages: [],
    builtins: ["node:crypto", "node:net"],
  },
  {
    place: "src/publisher/custody/pkcs11",
    ours: [...custodyContract, outsideKey, "src/publisher/custody/pkcs11/driver", "src/core"],
    packages: [],
    builtins: ["node:child_process", "node:crypto", "node:url"],
  },
  {
    place: "src/publisher/custody/pkcs11/driver",
    ours: [],
    packages: [],
    builtins: ["node:path", "node:url"],
    strangers: 1,
  },
  {
    place: "src/cli",
    ours: [
      helpExamples,
      "src/backup",
      "src/backup/errors",
      "src/client",
      "src/client/cli",
      "src/core",
      "src/cli/publishing",
      "src/cli/audit",
      "src/cli/expiry",
      "src/cli/access",
      "src/cli/access/errors",
      "src/cli/login",
      "src/cli/moving",
      keyErrors,
      publishErrors,
      movingErrors,
      takeOverErrors,
      custody,
      ...outsidePlaces,
      "src/publisher",
      "src/policy",
      "src/config",
      "src/serve",
      "src/wire",
      "src/core/names",
      auditContract,
      fsckDamage,
      errors,
    ],
    packages: ["commander", "pino"],
    builtins: ["node:crypto", "node:fs", "node:path"],
    lazily: [
      "src/wire",
      "src/client/cli",
      "src/backup",
      custody,
      ...outsidePlaces,
      "src/publisher",
      "src/cli/publishing",
      "src/cli/audit",
      "src/cli/expiry",
      "src/cli/access",
      "src/cli/login",
      "src/cli/moving",
    ],
  },
  // The commands about people and tokens: they ask a running server.
  { place: helpExamples, ours: [], packages: [], builtins: [], pure: true },
  { place: "src/cli/access/errors", ours: [], packages: [], builtins: [] },
  {
    place: "src/cli/access",
    ours: [
      helpExamples,
      "src/cli",
      "src/cli/access/errors",
      "src/client",
      "src/client/fetch",
      "src/client/fetch/fetcher",
      "src/config",
      "src/serve",
      auditContract,
    ],
    packages: ["commander", "zod"],
    builtins: ["node:fs", "node:path"],
  },
  // Logging in by an identity provider.
  {
    place: "src/cli/login",
    ours: [
      helpExamples,
      "src/cli",
      "src/cli/access",
      "src/cli/access/errors",
      "src/client",
      "src/client/cli",
      "src/client/fetch",
      "src/client/fetch/fetcher",
      "src/publisher",
    ],
    packages: ["commander", "oauth4webapi"],
    builtins: [
      "node:fs/promises",
      "node:http",
      "node:https",
      "node:net",
      "node:path",
      "node:timers/promises",
    ],
  },
  // The commands of auditors, which ask a server.
  {
    place: "src/cli/audit",
    ours: [
      helpExamples,
      "src/cli",
      "src/cli/publishing",
      "src/client",
      "src/client/cli",
      "src/core",
      publishErrors,
      "src/publisher",
    ],
    packages: ["commander"],
    builtins: [],
  },
  // The commands about what ends and what is kept, which ask a server.
  {
    place: "src/cli/expiry",
    ours: [
      helpExamples,
      "src/cli",
      "src/client",
      "src/client/cli",
      "src/client/fetch/fetcher",
      publishErrors,
      "src/publisher",
    ],
    packages: ["commander", "zod"],
    builtins: [],
  },

  // The commands of publishers, loaded as one when one of them may be wanted.
  {
    place: "src/cli/publishing",
    ours: [
      helpExamples,
      "src/cli",
      "src/client",
      "src/client/cli",
      "src/core",
      notary,
      keyErrors,
      publishErrors,
      custody,
      movingErrors,
      "src/moving",
      "src/policy",
      "src/publisher",
    ],
    packages: ["commander"],
    builtins: ["node:crypto", "node:fs", "node:os", "node:path"],
  },

  {
    place: "src/cli/moving",
    ours: [
      helpExamples,
      "src/cli",
      "src/cli/publishing",
      "src/client",
      "src/client/cli",
      "src/client/fetch",
      "src/client/fetch/fetcher",
      "src/publisher",
      "src/moving",
      "src/moving/errors",
      "src/moving/databases",
      movingErrors,
      notary,
    ],
    packages: ["commander", "prom-client"],
    builtins: ["node:os", "node:path", "node:timers/promises"],
  },

  // Nothing but these two reaches everything, and only `wire` names what is concrete.
  {
    place: "src/wire",
    ours: [
      "src/backup/errors",
      "src/client",
      "src/policy",
      "src/config",
      "src/serve",
      "src/service",
      "src/service/fsck",
      fsckDamage,
      "src/http/app",
      "src/http",
      auth,
      ...accessService,
      "src/store/contract",
      auditContract,
      markContract,
      signerContract,
      "src/remote",
      "src/threads",
      "src/webhooks",
      "src/core",
      errors,
      notary,
      ...backEnds,
    ],
    packages: ["pino"],
    builtins: [
      "node:http",
      "node:https",
      "node:crypto",
      "node:dns",
      "node:fs",
      "node:fs/promises",
      "node:net",
      "node:os",
      "node:path",
      "node:util",
      "node:worker_threads",
      "node:util",
    ],
    lazily: [notary, ...backEnds],
  },
  {
    place: "src/main",
    ours: ["src/cli", "src/serve", "src/wire"],
    packages: ["read"],
    builtins: ["node:cluster", "node:fs"],
    lazily: ["src/wire"],
  },
];
