/** What nears its end, what was signed long ago, and taking superseded files away: handlers of the management API. */
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { RetentionPage } from "../../service/retention/retention-service.ts";
import type { ByteBudget } from "../budget.ts";
import { sendJson } from "../exchange.ts";
import { Gate } from "../gate.ts";
import { withJson } from "../json-body.ts";
import type { AppOptions } from "../options.ts";
import { bad, checked, meaning, parameters } from "./asking.ts";
import * as schemas from "./expiry-schemas.ts";

const usualWithin = "90d";
const usualAge = "180d";
const usualPage = 100;
const largestPage = 200;
const largestRetentionPage = 50;
const largestBody = 16 * 1_024;
/** Walks over repositories that are under way at one time. */
const atOnce = 4;

export function expiryApi(
  app: FastifyInstance,
  { options, budget }: { options: AppOptions; budget: ByteBudget },
): void {
  const { service } = options;
  const { expiry, retention } = service;
  const gate = new Gate(atOnce, "Too many questions of this kind at once: ask again in a few seconds.");

  app.get("/manage/expiring", async (request, reply) => {
    const query = parameters(meaning(request, "expiring").query);
    const { within = usualWithin, after, limit } = checked(schemas.expiringQuery, query, "query");
    const at = expiry.now();
    const before = at + schemas.milliseconds(within);
    const wanted = { before, after, limit: pageOf(limit, usualPage, largestPage) };
    const page = await gate.run(() => expiry.expiring(wanted));
    const document: z.input<typeof schemas.expiring> = {
      format: "vidimus-expiring/1",
      at: instant(at),
      before: instant(before),
      expiring: page.found
        .toSorted((a, b) => a.expires - b.expires)
        .map(({ kind, expires, repository, role, name, keyId, owner }) => ({
          kind,
          expires: instant(expires),
          ...(repository !== "" && { repository }),
          ...(role !== "" && { role }),
          ...(name !== "" && { name }),
          ...(keyId !== "" && { keyId }),
          ...(owner !== undefined && { owner }),
        })),
      ...(page.next !== undefined && { next: page.next }),
    };
    return await sendJson(reply, JSON.stringify(document));
  });

  app.get("/manage/old-signatures", async (request, reply) => {
    const query = parameters(meaning(request, "oldSignatures").query);
    const { olderThan = usualAge, after, limit } = checked(schemas.oldSignaturesQuery, query, "query");
    const at = expiry.now();
    const before = at - schemas.milliseconds(olderThan);
    const wanted = { before, after, limit: pageOf(limit, usualPage, largestPage) };
    const page = await gate.run(() => expiry.oldSignatures(wanted));
    const document: z.input<typeof schemas.oldSignatures> = {
      format: "vidimus-old-signatures/1",
      at: instant(at),
      before: instant(before),
      signatures: page.found.map(({ repository, role, target, signedAt, seenAt, orOlder }) => ({
        repository,
        role,
        target,
        ...(signedAt !== undefined && { signed: instant(signedAt) }),
        ...(seenAt !== undefined && { firstSeen: instant(seenAt), orOlder }),
      })),
      ...(page.next !== undefined && { next: page.next }),
    };
    return await sendJson(reply, JSON.stringify(document));
  });

  app.get("/manage/retention-plan", async (request, reply) => {
    const query = parameters(meaning(request, "retentionPlan").query);
    const { limit, ...rest } = checked(schemas.retentionQuery, query, "query");
    const most = pageOf(limit, largestRetentionPage, largestRetentionPage);
    return await sendJson(
      reply,
      await gate.run(async () => retentionText(await retention.plan(wishesOf(rest, most)), false)),
    );
  });

  app.post("/manage/retention-run", async (request, reply) => {
    meaning(request, "retentionRun");
    service.checkWritable();
    const body = await withJson(request.raw, largestBody, budget, async (value) => {
      const { limit = largestRetentionPage, ...rest } = checked(schemas.retentionBody, value, "body");
      const { principal } = request.grant;
      return await gate.run(async () =>
        retentionText(await retention.run(wishesOf(rest, limit), principal), true),
      );
    });
    return await sendJson(reply, body);
  });
}

function pageOf(limit: string | undefined, usual: number, most: number): number {
  const wanted = limit === undefined ? usual : Number(limit);
  if (wanted < 1 || wanted > most) throw bad(`limit: give 1 to ${most}`);
  return wanted;
}

function wishesOf(
  { after, targets, delegations }: Omit<z.output<typeof schemas.retentionBody>, "limit">,
  limit: number,
) {
  return {
    after,
    limit,
    ...(targets !== undefined && { targets: schemas.milliseconds(targets) }),
    ...(delegations !== undefined && { delegations: schemas.milliseconds(delegations) }),
  };
}

function retentionText({ files, next }: RetentionPage, done: boolean): string {
  const document: z.input<typeof schemas.retention> = {
    format: "vidimus-retention/1",
    done,
    files: files.map(({ storedAt, ...file }) => ({ ...file, stored: instant(storedAt) })),
    ...(next !== undefined && { next }),
  };
  return JSON.stringify(document);
}

function instant(at: number): string {
  return new Date(at).toISOString();
}
