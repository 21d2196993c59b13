/**
 * How a person logs in by an identity provider, and how a session ends. Both are asked for without a token: the first by whoever
 * has none yet, the second with the session's own, which is the right to it.
 */
import type { FastifyInstance } from "fastify";
import { RefusedError } from "../../core/errors.ts";
import { opaqueDigest } from "../../service/access/opaque-token.ts";
import type { ByteBudget } from "../budget.ts";
import { sendJson } from "../exchange.ts";
import { withJson } from "../json-body.ts";
import type { AppOptions } from "../options.ts";
import { checked } from "./asking.ts";
import { logoutBody } from "./people-schemas.ts";

const largestBody = 4_096;

export async function loginApi(
  app: FastifyInstance,
  { options: { builtin }, budget }: { options: AppOptions; budget: ByteBudget },
): Promise<void> {
  app.get("/manage/people/login", async (_request, reply) => {
    const people = builtin?.oidc?.people;
    if (builtin === undefined || people === undefined)
      throw new RefusedError(
        "NOT_FOUND",
        "Nobody logs in here by an identity provider: use a name and password, or ask who runs this server for auth.oidc.login.",
      );
    const { realm, service } = builtin;
    return await sendJson(reply, JSON.stringify({ format: "vidimus-login/1", ...people, realm, service }));
  });

  app.post("/manage/people/logout", async (request, reply) => {
    if (builtin === undefined)
      throw new RefusedError(
        "NOT_FOUND",
        "There are no sessions at this server: it needs auth.mode builtin for them.",
      );
    const { store } = builtin.administration;
    await withJson(request.raw, largestBody, budget, async (value) => {
      const { session } = checked(logoutBody, value, "body");
      const digest = opaqueDigest("refresh", session);
      // One that is over is what was asked for.
      if (digest !== undefined) await store.endSession(digest);
    });
    return await sendJson(reply, JSON.stringify({ format: "vidimus-done/1" }));
  });
}
