/** The Notary v1 API (notary-protocol.md chapter 1): one handler for each meaning a path can have. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { MalformedError, RefusedError } from "../core/errors.ts";
import type { PublicKey } from "../service/service.ts";
import type { FileAnswers } from "./answers.ts";
import type { ByteBudget } from "./budget.ts";
import { missingAnswer } from "./errors.ts";
import { sendError, sendJson } from "./exchange.ts";
import { changeBody, changeQuery } from "./feed.ts";
import type { Gate } from "./gate.ts";
import type { FileLookup } from "./lookup.ts";
import type { AppOptions } from "./options.ts";
import type { Route } from "./routes.ts";
import { withUpload } from "./upload.ts";

export async function notaryApi(
  app: FastifyInstance,
  {
    options,
    answers,
    lookup,
    budget,
    examination,
  }: {
    options: AppOptions;
    answers: FileAnswers;
    lookup: FileLookup;
    budget: ByteBudget;
    examination: Gate;
  },
): Promise<void> {
  const { service, limits, repositories } = options;
  app.get("/notary/ping", async (_request, reply) => await sendJson(reply, "{}"));
  app.head("/notary/ping", async (_request, reply) => await sendJson(reply, ""));

  // Files, as far as `hot-reads.ts` has not answered already.
  for (const kind of ["current", "version", "digest"] as const) {
    const answerFile = async (request: FastifyRequest, reply: FastifyReply) => {
      const file = await lookup.take(request.raw, meaning(request, kind));
      if (file === undefined) return await sendError(reply, missingAnswer(true), request.method);
      reply.hijack();
      answers.send(request.raw, reply.raw, file, kind);
      return reply;
    };
    app.get(`/notary/${kind}`, answerFile);
    app.head(`/notary/${kind}`, answerFile);
  }

  app.post("/notary/publish", async (request, reply) => {
    const { repository } = meaning(request, "publish");
    service.checkWritable();
    // Counted once it has arrived: who sends slowly takes nobody's place.
    await withUpload(request.raw, limits, budget, (files) =>
      examination.run(() => service.publish(repository, files, request.grant.principal)),
    );
    return await reply.code(200).send();
  });
  app.delete("/notary/delete", async (request, reply) => {
    await service.remove(meaning(request, "delete").repository, request.grant.principal);
    return await reply.code(200).send();
  });

  app.get("/notary/key", async (request, reply) => {
    const { repository, role } = meaning(request, "key");
    return await sendJson(reply, keyBody(await service.onlineKey(repository, role, request.grant.principal)));
  });
  app.post("/notary/rotate", async (request, reply) => {
    const { repository, role } = meaning(request, "rotate");
    return await sendJson(
      reply,
      keyBody(await service.rotateOnlineKey(repository, role, request.grant.principal)),
    );
  });

  const feed = async (request: FastifyRequest, reply: FastifyReply) => {
    const { repository, query } = meaning(request, "feed");
    const body = changeBody(await service.changes(changeQuery(repository, query)));
    return await sendJson(reply, request.method === "HEAD" ? "" : body);
  };
  app.get("/notary/feed", feed);
  app.head("/notary/feed", feed);

  app.all("/notary/redirect", async (request, reply) => {
    return await reply.code(301).header("location", meaning(request, "redirect").to).send();
  });
  app.all("/notary/missing", async (request, reply) => {
    return await sendError(reply, missingAnswer(meaning(request, "missing").detail), request.method);
  });
  app.all("/notary/not-served", async (request, reply) => {
    const { publish, because } = meaning(request, "notServed");
    if (!publish) return await sendError(reply, missingAnswer(false), request.method);
    throw because === "prefix"
      ? new RefusedError(
          "REPOSITORY_NOT_SERVED",
          `Require GUNs with prefix: [${repositories.prefixes.join(" ")}]`,
        )
      : new MalformedError(
          "BAD_REPOSITORY_NAME",
          "Use a name of at most 255 letters, digits, '.', '_' and '-' between slashes, with host:port in front if you like.",
        );
  });
}

/** The meaning of a request that only comes here with that meaning. */
function meaning<K extends Route["kind"]>(request: FastifyRequest, kind: K): Extract<Route, { kind: K }> {
  const route = request.meaning;
  if (route.kind !== kind) throw new TypeError(`a request for ${route.kind} was sent to ${kind}`);
  return route as Extract<Route, { kind: K }>;
}

/** `public` before `private`: the original's order (notary-protocol.md 1.3). */
function keyBody({ keytype, public: publicKey }: PublicKey): string {
  return JSON.stringify({ keytype, keyval: { public: publicKey, private: null } });
}
