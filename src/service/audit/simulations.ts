/** What would break: the files that were current at an instant, judged as clients would under a hypothesis. */
import { RefusedError } from "../../core/errors.ts";
import type { Root } from "../../core/model.ts";
import { isDelegatedRole } from "../../core/names.ts";
import { meant } from "../../core/nearest.ts";
import { enoughKeys } from "../../core/threshold.ts";
import { rootRole } from "../../core/verify.ts";
import type { Line } from "../../history/answer.ts";
import { type KeyUse, keyUsesIn } from "../../history/key-uses.ts";
import { currentAt, offlineRoles, type Past, type Row, stateAt } from "../../history/past.ts";
import { defaultLookup } from "../../policy/trust-policy.ts";
import type { Hypothesis, Served, Simulated } from "../../simulation/simulate.ts";
import type { Store } from "../../store/contract/store.ts";
import type { AuditRequest } from "./audit-service.ts";
import { bad, type Part } from "./questions.ts";
import type { PastReader } from "./reader.ts";

/** Loaded for this question alone, with the clients' code that it needs. */
async function loaded() {
  return await import("../../simulation/simulate.ts");
}

export async function simulatedIn(
  { past, open }: PastReader,
  store: Pick<Store, "onlineKeys">,
  request: AuditRequest,
  at: number,
): Promise<Part> {
  const hypothesis = hypothesisOf(request);
  const readAt = request.until ?? at;
  if (readAt < at) throw bad("until: give a later instant than the one that is asked about");
  checkThere(hypothesis, keyUsesIn(await stateAt(past, at, open)));
  const served = await servedAt(past, open, store, at);
  const { simulate } = await loaded();
  const lookup = served.targets.has("targets/releases") ? defaultLookup : ["targets/**"];
  const before = await simulate(served, { what: "nothing" }, at, lookup);
  const after = await simulate(served, hypothesis, readAt, lookup);
  return { lines: [...roleLines(before, after), ...nameLines(before, after)] };
}

function hypothesisOf({ key, role, until }: AuditRequest): Hypothesis {
  const given = [key, role, until].filter((each) => each !== undefined);
  if (given.length !== 1) throw bad("key, role, until: give one of them");
  if (key !== undefined) return { what: "revoked", key };
  if (role === undefined) return { what: "nothing" };
  if (!isDelegatedRole(role)) throw bad("role: name a delegation");
  return { what: "undelegated", role };
}

/** What is not there breaks nothing when it goes: whoever misspelt a name must not be told that all is well. */
function checkThere(hypothesis: Hypothesis, uses: readonly KeyUse[]): void {
  if (hypothesis.what === "revoked") {
    const { key } = hypothesis;
    if (uses.some((use) => use.key === key || use.listedAs === key)) return;
    throw new RefusedError(
      "NOT_FOUND",
      `Ask about a key that a role lists at that instant (vidimus audit keys): nobody lists ${key}.`,
    );
  }
  if (hypothesis.what !== "undelegated") return;
  const { role } = hypothesis;
  const delegated = [...new Set(uses.map((use) => use.role))].filter(isDelegatedRole);
  if (delegated.includes(role)) return;
  const end = delegated.length === 0 ? "; there is no delegation." : meant(role, delegated);
  throw new RefusedError("NOT_FOUND", `Name a delegation that is there: nobody delegates to ${role}${end}`, {
    role,
  });
}

async function servedAt(
  past: Past,
  open: PastReader["open"],
  store: Pick<Store, "onlineKeys">,
  at: number,
): Promise<Served> {
  const { repository, format } = past;
  const bytesOf = async (row: Row | undefined, role: string): Promise<Buffer> => {
    if (row === undefined)
      throw new RefusedError("NOT_FOUND", "Ask about an instant at which it was published.");
    const file = await open(row);
    if (file !== undefined) return file.bytes;
    throw new RefusedError(
      "NOT_KEPT",
      `Ask about a later instant: ${role} ${row.version} was taken away by this server's retention.`,
      { role },
    );
  };
  const newest = currentAt(past, "root", at);
  const roots: Buffer[] = [];
  for (const row of past.rows.get("root") ?? []) {
    if (newest !== undefined && row.version <= newest.version) roots.push(await bytesOf(row, "root"));
  }
  const current = async (role: string) => await bytesOf(currentAt(past, role, at), role);
  const targets = new Map<string, Buffer>();
  for (const role of offlineRoles(past)) {
    if (role !== "root" && currentAt(past, role, at) !== undefined) targets.set(role, await current(role));
  }
  const [timestamp, snapshot] = [await current("timestamp"), await current("snapshot")];
  const root = format.parse("root", await current("root")).signed as Root;
  return {
    repository,
    format,
    roots,
    timestamp,
    snapshot,
    targets,
    renewed: await renewedBy(store, repository, root),
  };
}

/** Roles of which the server holds enough keys. */
async function renewedBy(
  store: Pick<Store, "onlineKeys">,
  repository: string,
  root: Root,
): Promise<ReadonlySet<string>> {
  const roles = ["timestamp", "snapshot"] as const;
  const ids = roles.flatMap((role) => [...rootRole(root, role).keys.keys()]);
  const held = new Set((await store.onlineKeys(repository, ids)).map(({ keyId }) => keyId));
  return new Set(roles.filter((role) => enoughKeys(rootRole(root, role), held) !== undefined));
}

function roleLines({ verdicts }: Simulated, after: Simulated): readonly Line[] {
  return verdicts.map(({ role, code }) => {
    const then = after.verdicts.find((each) => each.role === role);
    return {
      what: "role",
      subject: role,
      breaks: code === "ok" && then?.code !== "ok",
      before: code,
      after: then?.code ?? "GONE",
      needed: then?.needed ?? null,
      keys: then?.keys ?? null,
    };
  });
}

/** Names whose answer becomes another. */
function nameLines({ names }: Simulated, after: Simulated): readonly Line[] {
  const then = new Map(after.names.map((each) => [each.name, each]));
  return names.flatMap(({ name, role, digest, code }) => {
    const now = then.get(name);
    if (now?.code === code && now?.role === role && now?.digest === digest) return [];
    const said = (by: string | undefined, of: string | undefined, refusal: string | undefined) =>
      refusal ?? `${by} sha256:${of}`;
    return [
      {
        what: "name",
        subject: name,
        breaks: code === undefined && now?.code !== undefined,
        before: said(role, digest, code),
        after: said(now?.role, now?.digest, now?.code),
        needed: null,
        keys: null,
      },
    ];
  });
}
