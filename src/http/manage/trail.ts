/** The audit trail over `/api/v1/audit/`. */
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { TrailService } from "../../service/service.ts";
import { sendJson } from "../exchange.ts";
import { bad, checked, meaning, parameters } from "./asking.ts";
import * as schemas from "./schemas.ts";

const defaultPage = 100;
const largestPage = 1_000;

export function trailApi(app: FastifyInstance, trail: TrailService): void {
  app.get("/manage/audit-trail", async (request, reply) => {
    const given = checked(schemas.trailQuery, parameters(meaning(request, "auditTrail").query), "query");
    const { repository, kind, actor, since, until, after, limit } = given;
    const most = limit === undefined ? defaultPage : Number(limit);
    if (most < 1 || most > largestPage) throw bad("limit: give 1 to 1000");
    const { entries, next } = await trail.trail({
      ...(repository !== undefined && { repository }),
      ...(kind !== undefined && { kind }),
      ...(actor !== undefined && { actor }),
      ...(since !== undefined && { since: Date.parse(since) }),
      ...(until !== undefined && { until: Date.parse(until) }),
      from: Number(after ?? 0),
      direction: "forwards",
      limit: most,
    });
    const document: z.input<typeof schemas.trail> = {
      format: "vidimus-audit-trail/1",
      entries: entries.map(({ number, at, kind: what, actor: who, repository: about, detail, hash }) => ({
        number,
        at,
        kind: what,
        actor: { ...who },
        repository: about,
        detail,
        hash,
      })),
      ...(next !== undefined && { next }),
    };
    return await sendJson(reply, JSON.stringify(document));
  });

  app.get("/manage/audit-head", async (request, reply) => {
    meaning(request, "auditHead");
    const { number, hash, at, key } = await trail.head();
    const document: z.input<typeof schemas.trailHead> = {
      format: "vidimus-audit-head/1",
      number,
      hash,
      at,
      ...(key !== undefined && { key }),
    };
    return await sendJson(reply, JSON.stringify(document));
  });
}
