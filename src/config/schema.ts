/**
 * Every configuration key, with its meaning, kind and default: the only place that knows them. The page
 * docs/configuration.md, `vidimus config schema` and the reading of flags and variables are made from it.
 *
 * Defaults give a server that a stranger on the network cannot reach, speaks TLS only, and keeps what it makes in one
 * directory. Whatever weakens that has to be asked for by name.
 */
import { z } from "zod";
import { expiry, webhooks } from "./announcing.ts";
import { auth } from "./auth.ts";
import {
  choice,
  duration,
  fraction,
  integer,
  list,
  secret,
  size,
  text,
  textWithDefault,
  toggle,
} from "./fields.ts";
import { limits } from "./limits.ts";

const secretUri = /^(?:file:.|env:[A-Za-z_][A-Za-z0-9_]*$|credential:[A-Za-z0-9._-]+$|fd:[0-9]{1,3}$)/;

const server = z.strictObject({
  host: textWithDefault("127.0.0.1", "Address to listen on."),
  port: integer(
    { least: 0, most: 65535, value: 4443 },
    "Port to listen on. 0 takes a free one and prints it.",
  ),
  socket: text("Path of a Unix socket to listen on instead of host and port. Its mode is 0660."),
  plainHttp: toggle(
    false,
    "Serve HTTP without TLS. Only on a loopback address or a Unix socket, for a proxy on the same machine; stock clients need HTTPS.",
  ),
  trustedProxies: list(
    [],
    "Addresses or networks (CIDR) of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
  ),
  readOnly: toggle(false, "Answer reads only: nothing is written, signed or made."),
  workers: integer(
    { least: 0, most: 64, value: 0 },
    "Processes that answer requests, beside one that writes and signs and one that supervises. 0: one process does everything. See docs/operations.md for when more are worth it.",
  ),
});

const tls = z.strictObject({
  certificate: text(
    "PEM file of your own certificate, its chain after it. Without it the server makes a CA and a certificate in the data directory.",
  ),
  key: text("PEM file of the private key that belongs to tls.certificate."),
  names: list(
    ["localhost", "127.0.0.1", "::1"],
    "Host names and addresses in the certificate that the server makes. A changed list renews the certificate under the same CA.",
  ),
});

const operations = z.strictObject({
  host: textWithDefault("127.0.0.1", "Address of the separate listener for metrics and probes."),
  port: integer(
    { least: 0, most: 65535, value: 0 },
    "Port of the separate listener. 0 takes a free one.",
  ).meta({
    kind: "integer",
  }),
  enabled: toggle(
    false,
    "Serve /metrics, /livez, /readyz and /startupz on a listener of their own, and no longer on the main one.",
  ),
  plainHttp: toggle(false, "Serve that listener without TLS. Only on a loopback address."),
});

const store = z.strictObject({
  kind: choice(
    ["sqlite", "memory"],
    "sqlite",
    "Where metadata is kept: one SQLite file in the data directory, or memory, which forgets everything at the end.",
  ),
  highWaterMark: text(
    "Path of the file that remembers how far the store had got, so that an older backup or lost commits are noticed at the next start. On another volume it sees more, and it must not be part of the backups. Default: high-water-mark in the data directory.",
  ),
});

const signer = z.strictObject({
  secret: secret(
    "Where the secret lies that seals the keys of online roles: file:PATH, env:NAME, credential:NAME (systemd) or fd:NUMBER. Default: a random key in the file kek of the data directory, made on first start.",
    secretUri,
    "write file:PATH, env:NAME, credential:NAME or fd:NUMBER",
  ),
  algorithm: choice(
    ["ecdsa", "ed25519"],
    "ecdsa",
    "Algorithm of new keys of online roles: ECDSA P-256, which stock clients expect, or Ed25519.",
  ),
});

const online = z.strictObject({
  timestamp: z
    .strictObject({
      lifetime: duration({ least: "1h", most: "3650d", value: "14d" }, "How long a timestamp is valid."),
    })
    .prefault({}),
  snapshot: z
    .strictObject({
      lifetime: duration(
        { least: "1h", most: "3650d", value: "1095d" },
        "How long a snapshot signed here is valid.",
      ),
    })
    .prefault({}),
  renewal: fraction(
    { least: 0.1, most: 0.9, value: 0.5 },
    "Share of a lifetime after which the server renews the role.",
  ),
  checkInterval: duration(
    { least: "1s", most: "1h", value: "60s" },
    "How often the server looks for roles that are due to be renewed.",
  ),
  pendingKeys: z
    .strictObject({
      most: integer(
        { least: 1, most: 1_000_000, value: 10_000 },
        "Most keys that are made but not yet used by a root, in the whole store.",
      ),
      lifetime: duration(
        { least: "1h", most: "3650d", value: "90d" },
        "How long such a key waits for its root.",
      ),
    })
    .prefault({}),
});

const repositories = z.strictObject({
  prefixes: list(
    [],
    "Only repositories whose names begin with one of these may be published. Each is a clean path that ends in exactly one slash, such as registry.example/team/. Empty: any name.",
  ),
  olderNames: toggle(
    false,
    "Accept repository names outside the strict grammar, for taking over an older server.",
  ),
});

const policy = z.strictObject({
  file: text(
    "Policy file that publications are held to, read again on SIGHUP; see docs/policy.md. Without it nothing is demanded beyond what keeps a repository readable.",
  ),
  allowKeyReuseAcrossRoles: toggle(
    false,
    "Accept a root that gives one key to two of root, targets, snapshot and timestamp.",
  ),
  allowExampleKeys: toggle(
    false,
    "Accept the keys of keys-example, whose private halves are public. For demonstrations only.",
  ),
});

const audit = z.strictObject({
  headFile: text(
    "File to which a signed head of the audit trail is added every hour, one a line; it should lie where whoever holds the data directory cannot write, or be taken there. See docs/audit-trail.md. Without it heads are in the log alone.",
  ),
});

/** Every default is that of `service/proposals/proposal-service.ts`, which test/config.test.ts holds it to. */
const proposals = z.strictObject({
  files: integer({ least: 1, most: 10_000, value: 100 }, "Most files in one proposal."),
  bytes: size(
    { least: "1KiB", most: "64MiB", value: "8MiB" },
    "Bytes of the signed parts of one proposal; its request has to fit into limits.uploadBytes, too.",
  ),
  note: integer({ least: 0, most: 16_000, value: 4_000 }, "Most characters of its note."),
  release: integer({ least: 0, most: 1_000, value: 200 }, "Most characters of its release label."),
  leastLifetime: duration({ least: "1s", most: "366d", value: "1m" }, "Shortest time to collect signatures."),
  lifetime: duration(
    { least: "1s", most: "366d", value: "30d" },
    "Time to collect signatures, if whoever opens it says none.",
  ),
  mostLifetime: duration({ least: "1s", most: "366d", value: "90d" }, "Longest time to collect signatures."),
  openHere: integer({ least: 1, most: 100_000, value: 20 }, "Most open proposals of one repository."),
  openInAll: integer({ least: 1, most: 1_000_000, value: 1_000 }, "Most open proposals of all repositories."),
  settled: integer(
    { least: 0, most: 1_000_000, value: 2_000 },
    "Most proposals that have ended and are kept; the oldest give way.",
  ),
  kept: duration(
    { least: "1h", most: "3660d", value: "180d" },
    "How long proposals that have ended are kept.",
  ),
  bytesInAll: size(
    { least: "1KiB", most: "64GiB", value: "256MiB" },
    "Bytes of all proposals together; those that have ended give way, open ones never.",
  ),
});

const caching = z.strictObject({
  current: duration(
    { least: "0s", most: "31536000s", value: "0s" },
    "How long clients and proxies may keep current metadata without asking again. 0s: they ask each time, and get a 304 if nothing changed. More is what the original does (300s), and hides a publication for as long.",
  ),
  consistent: duration(
    { least: "0s", most: "31536000s", value: "2592000s" },
    "How long they may keep metadata addressed by checksum.",
  ),
});

const log = z.strictObject({
  level: choice(
    ["fatal", "error", "warn", "info", "debug", "trace"],
    "info",
    "Least severe level that is written.",
  ),
  format: choice(["auto", "json", "pretty"], "auto", "auto: readable lines on a terminal, JSON elsewhere."),
});

export const configSchema = z.strictObject({
  data: textWithDefault(
    "./data",
    "Directory of everything the server keeps. Made on first start, mode 0700.",
  ),
  server: server.prefault({}),
  tls: tls.prefault({}),
  operations: operations.prefault({}),
  store: store.prefault({}),
  signer: signer.prefault({}),
  online: online.prefault({}),
  repositories: repositories.prefault({}),
  policy: policy.prefault({}),
  audit: audit.prefault({}),
  limits: limits.prefault({}),
  proposals: proposals.prefault({}),
  caching: caching.prefault({}),
  log: log.prefault({}),
  expiry: expiry.prefault({}),
  webhooks: webhooks.prefault({}),
  auth: auth.prefault({}),
});

/** The checked configuration. Durations are milliseconds, sizes bytes. */
export type Config = z.output<typeof configSchema>;
