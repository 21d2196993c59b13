/** Questions about the past, and the register of keys, below `/api/v1/`. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { z } from "zod";
import { MalformedError, RefusedError } from "../../core/errors.ts";
import { isRepositoryName } from "../../core/names.ts";
import {
  type AuditAnswer,
  type AuditRequest,
  type RegisteredKey,
  registerPage,
} from "../../service/audit/audit-service.ts";
import type { ByteBudget } from "../budget.ts";
import { sendJson } from "../exchange.ts";
import { withJson } from "../json-body.ts";
import type { AppOptions } from "../options.ts";
import { bad, checked, meaning, parameters } from "./asking.ts";
import * as schemas from "./audit-schemas.ts";

const largestBody = 16 * 1024;
const mostDays = 36_500;

export function auditApi(
  app: FastifyInstance,
  { service, repositories }: AppOptions,
  budget: ByteBudget,
): void {
  const { audit } = service;

  app.get("/manage/audit", async (request, reply) => {
    const { question, query } = meaning(request, "audit");
    const given: Record<string, string | undefined> = checked(
      schemas.auditQueries[question],
      parameters(query),
      "query",
    );
    if (given.repository !== undefined) checkServed(given.repository);
    const asked: AuditRequest = {
      question,
      at: given.at === undefined ? undefined : Date.parse(given.at),
      repository: given.repository,
      role: given.role,
      path: given.path,
      key: given.key,
      owner: given.owner,
      days: days(given.days),
      from: numbered(given.from),
      to: numbered(given.to),
      until: given.until === undefined ? undefined : Date.parse(given.until),
      after: given.after,
    };
    return await sendJson(reply, JSON.stringify(answerDocument(await audit.answer(asked))));
  });

  app.get("/manage/keys", async (request, reply) => {
    const { owner, after } = checked(schemas.keysQuery, parameters(meaning(request, "keys").query), "query");
    const [keyId = "", since = ""] = after?.split("@") ?? [];
    const found = await audit.keys(owner, after === undefined ? undefined : { keyId, since: Number(since) });
    return await sendJson(reply, JSON.stringify(keysDocument(found)));
  });

  app.get("/manage/denied-keys", async (_request, reply) => {
    const keys = (await audit.denied()).map(({ keyId, deniedAt, deniedBy, reason }) => ({
      key: keyId,
      at: instant(deniedAt),
      by: deniedBy,
      reason,
    }));
    const document: z.input<typeof schemas.deniedList> = { format: "vidimus-denied-keys/1", keys };
    return await sendJson(reply, JSON.stringify(document));
  });

  app.post("/manage/register-key", async (request, reply) => {
    const body = await bodyOf(
      request,
      schemas.registerBody,
      async ({ key, owner, custody, since, until }) => {
        const entry = {
          keyId: key,
          owner: wellFormed(owner, "owner"),
          custody: wellFormed(custody, "custody"),
          since: Date.parse(since),
          until: until === undefined ? undefined : Date.parse(until),
        };
        if (entry.until !== undefined && entry.until <= entry.since)
          throw bad("until: give a later instant than since");
        await audit.register(entry, request.grant.principal);
        return changeDocument(key, true);
      },
    );
    return await sendJson(reply, body);
  });
  app.post("/manage/deny-key", async (request, reply) => {
    const { key } = meaning(request, "denyKey");
    const body = await bodyOf(request, schemas.denyBody, async ({ reason }) => {
      const changed = await audit.deny(key, wellFormed(reason, "reason"), request.grant.principal);
      const held = await service.proposals.heldBy(key);
      const proposals = held.map(({ roles, ...each }) => ({ ...each, roles: [...roles] }));
      return { ...changeDocument(key, changed), proposals };
    });
    return await sendJson(reply, body);
  });
  app.post("/manage/allow-key", async (request, reply) => {
    const { key } = meaning(request, "allowKey");
    const body = await bodyOf(request, schemas.allowBody, async () =>
      changeDocument(key, await audit.allow(key, request.grant.principal)),
    );
    return await sendJson(reply, body);
  });

  function checkServed(name: string): void {
    if (!isRepositoryName(name, { older: repositories.olderNames })) {
      throw new MalformedError("BAD_REPOSITORY_NAME", "Name a repository, percent-encoded, as `repository`.");
    }
    const { prefixes } = repositories;
    if (prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix))) return;
    throw new RefusedError("REPOSITORY_NOT_SERVED", `Require GUNs with prefix: [${prefixes.join(" ")}]`);
  }

  async function bodyOf<S extends z.ZodType>(
    request: FastifyRequest,
    schema: S,
    use: (body: z.output<S>) => Promise<z.input<typeof schemas.keyChange>>,
  ): Promise<string> {
    service.checkWritable();
    return await withJson(request.raw, largestBody, budget, async (value) =>
      JSON.stringify(await use(checked(schema, value, "body"))),
    );
  }
}

function days(text: string | undefined): number | undefined {
  const value = numbered(text);
  if (value !== undefined && value > mostDays) throw bad(`days: give at most ${mostDays}`);
  return value;
}

function numbered(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function wellFormed(text: string, name: string): string {
  if (text.isWellFormed()) return text;
  throw bad(`${name}: give text`);
}

function answerDocument({
  question,
  at,
  lines,
  next,
  notKept,
}: AuditAnswer): z.input<typeof schemas.auditAnswer> {
  return {
    format: "vidimus-audit/1",
    question,
    at: instant(at),
    lines: lines as z.input<typeof schemas.auditAnswer>["lines"],
    ...(next !== undefined && { next }),
    notKept,
  };
}

function keysDocument(found: readonly RegisteredKey[]): z.input<typeof schemas.keyList> {
  const last = found.length === registerPage ? found.at(-1) : undefined;
  return {
    format: "vidimus-keys/1",
    keys: found.map(({ keyId, owner, custody, since, until, registeredAt, registeredBy }) => ({
      key: keyId,
      owner,
      custody,
      since: instant(since),
      ...(until !== undefined && { until: instant(until) }),
      registered: { at: instant(registeredAt), by: registeredBy },
    })),
    ...(last !== undefined && { next: `${last.keyId}@${last.since}` }),
  };
}

function changeDocument(key: string, changed: boolean): z.input<typeof schemas.keyChange> {
  return { format: "vidimus-key-change/1", key, changed };
}

function instant(at: number): string {
  return new Date(at).toISOString();
}
