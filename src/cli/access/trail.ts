/**
 * The audit trail of a server, page by page. What comes is the server's word: its form is looked at here, what it says by whoever
 * makes the hashes again (`core/trail-check.ts`).
 */
import { z } from "zod";
import type { AuditPage, AuditQuery } from "../../store/contract/audit.ts";
import { AccessError } from "./errors.ts";
import type { AccessServer } from "./server.ts";

/** Of the longest details a page still fits into an answer. */
const mostEntries = 100;

const text = z.string().refine((each) => each.isWellFormed());
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const entry = z.object({
  number: z.int().positive(),
  at: z.int(),
  kind: text,
  actor: z.object({ name: text, method: text, address: text }),
  repository: text,
  detail: text,
  hash,
});
const trailPage = z.object({ entries: z.array(entry).max(mostEntries), next: z.int().optional() });
const trailHead = z.object({ number: z.int().nonnegative(), hash, at: z.int() });

/** How far the server says that its trail has got. */
export async function headAt(server: AccessServer): Promise<z.output<typeof trailHead>> {
  return read(trailHead, await server.call("GET", "audit/head", undefined, "audit"));
}

/** Only forwards. Throws `AccessError`, also for pages that do not get on. */
export async function listAt(
  server: AccessServer,
  { repository, kind, actor, since, until, from = 0 }: AuditQuery,
): Promise<AuditPage> {
  const asked = new URLSearchParams({
    limit: String(mostEntries),
    after: String(from),
    ...(repository !== undefined && { repository }),
    ...(kind !== undefined && { kind }),
    ...(actor !== undefined && { actor }),
    ...(since !== undefined && { since: new Date(since).toISOString() }),
    ...(until !== undefined && { until: new Date(until).toISOString() }),
  });
  const { entries, next } = read(
    trailPage,
    await server.call("GET", `audit/trail?${asked}`, undefined, "audit"),
  );
  if (next !== undefined && next <= from) throw odd();
  return { entries, next };
}

function read<S extends z.ZodType>(schema: S, document: unknown): z.output<S> {
  const { data, success } = schema.safeParse(document);
  if (success) return data;
  throw odd();
}

function odd(): AccessError {
  return new AccessError(
    "ACCESS_UNREACHABLE",
    "The server answers otherwise than a Vidimus does about its trail: ask who runs it which version it is.",
  );
}
