/** Online keys below `/api/v1/`: which the root lists and the server holds, and taking in those of another server. */
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import { decodeBase64 } from "../../core/bytes.ts";
import { RefusedError } from "../../core/errors.ts";
import type { OnlineKeyStanding } from "../../service/service.ts";
import type { ByteBudget } from "../budget.ts";
import { sendJson } from "../exchange.ts";
import type { Gate } from "../gate.ts";
import { withJson } from "../json-body.ts";
import type { AppOptions } from "../options.ts";
import { checked, meaning } from "./asking.ts";
import * as schemas from "./schemas.ts";

/** 32 keys at their longest. */
const largestBody = 320 * 1_024;

export async function onlineKeysApi(
  app: FastifyInstance,
  { options, budget, examination }: { options: AppOptions; budget: ByteBudget; examination: Gate },
): Promise<void> {
  const { service } = options;

  app.get("/manage/online-keys", async (request, reply) => {
    const { repository } = meaning(request, "onlineKeys");
    const standing = await service.adoption.standing(repository);
    if (standing === undefined) throw new RefusedError("NOT_FOUND", "There is no such repository.");
    return await sendJson(reply, JSON.stringify(documentOf(repository, standing)));
  });

  app.post("/manage/adopt-online-keys", async (request, reply) => {
    const { repository } = meaning(request, "adoptOnlineKeys");
    service.checkWritable();
    const body = await withJson(request.raw, largestBody, budget, (value) =>
      examination.run(async () => {
        const { keys } = checked(schemas.adoptBody, value, "body");
        const opened = keys.map((key) => ({
          role: key.role,
          privateKey: decodeBase64(key.private, "private"),
        }));
        try {
          const standing = await service.adoption.adopt(repository, opened, request.grant.principal);
          return JSON.stringify(documentOf(repository, standing));
        } finally {
          for (const { privateKey } of opened) privateKey.fill(0);
        }
      }),
    );
    return await sendJson(reply, body);
  });
}

function documentOf(repository: string, { roles }: OnlineKeyStanding): z.input<typeof schemas.onlineKeys> {
  return {
    format: "vidimus-online-keys/1",
    repository,
    roles: roles.map(({ role, threshold, keys }) => ({
      role,
      threshold,
      keys: keys.map((key) => ({ ...key })),
    })),
  };
}
