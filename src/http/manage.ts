/** The management API below `/api/v1/`: proposals here, the rest in files beside it. One handler for each meaning a path can have. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { MalformedError, RefusedError } from "../core/errors.ts";
import type { ProposalView } from "../service/proposals/proposal-service.ts";
import { anonymousName } from "./auth/grant.ts";
import { forbidden } from "./auth/refusal.ts";
import { isStillLetIn } from "./auth/still.ts";
import type { ByteBudget } from "./budget.ts";
import { sendJson } from "./exchange.ts";
import type { Gate } from "./gate.ts";
import { withJson } from "./json-body.ts";
import { bad, checked, meaning, parameters } from "./manage/asking.ts";
import { auditApi } from "./manage/audit.ts";
import {
  listDocument,
  openRequestOf,
  proposalDocument,
  rejectionOf,
  signedRolesOf,
} from "./manage/documents.ts";
import { expiryApi } from "./manage/expiry.ts";
import { importsApi } from "./manage/imports.ts";
import { onlineKeysApi } from "./manage/online-keys.ts";
import { openapiDocument } from "./manage/openapi.ts";
import * as schemas from "./manage/schemas.ts";
import { trailApi } from "./manage/trail.ts";
import type { AppOptions } from "./options.ts";

/** Largest bodies: of signatures and of a rejection. That of a proposal goes by its files, whose quotes are escaped. */
const largestSignatures = 1024 * 1024;
const largestRejection = 64 * 1024;
const largestCancel = 1_024;
const defaultPage = 50;
const largestPage = 200;

export async function manageApi(
  app: FastifyInstance,
  { options, budget, examination }: { options: AppOptions; budget: ByteBudget; examination: Gate },
): Promise<void> {
  const { service, limits, repositories } = options;
  const { proposals } = service;
  const largestProposal = Math.min(2 * proposals.settings.bytes + largestSignatures, limits.uploadBytes);
  const openapi = JSON.stringify(openapiDocument());

  /** A body is read before anything is looked up, and counted as one upload while it is worked on. */
  const withBody = async <S extends z.ZodType>(
    request: FastifyRequest,
    schema: S,
    most: number,
    use: (body: z.output<S>) => Promise<ProposalView>,
  ): Promise<string> => {
    service.checkWritable();
    return await withJson(request.raw, most, budget, (value) =>
      examination.run(async () =>
        JSON.stringify(proposalDocument(await use(checked(schema, value, "body")))),
      ),
    );
  };

  app.get("/manage/openapi", async (_request, reply) => await sendJson(reply, openapi));

  const list = async (reply: FastifyReply, query: string, repository?: string) => {
    const { limit, ...rest } = checked(schemas.listQuery, parameters(query), "query");
    const most = limit === undefined ? defaultPage : Number(limit);
    if (most < 1 || most > largestPage) throw bad("limit: give 1 to 200");
    const wanted = { ...defined(rest), ...(repository !== undefined && { repository }), limit: most };
    return await sendJson(reply, JSON.stringify(listDocument(await proposals.list(wanted), most)));
  };
  app.get(
    "/manage/proposals",
    async (request, reply) => await list(reply, meaning(request, "proposals").query),
  );
  app.get("/manage/repository-proposals", async (request, reply) => {
    const { repository, query } = meaning(request, "repositoryProposals");
    return await list(reply, query, repository);
  });

  app.get("/manage/proposal", async (request, reply) => {
    const { repository, id, query } = meaning(request, "proposal");
    const { wait, since } = checked(schemas.proposalQuery, parameters(query), "query");
    if (wait !== undefined) {
      if (Number(wait) > schemas.maxWait) throw bad(`wait: give at most ${schemas.maxWait} seconds`);
      await proposals.wait(repository, id, {
        since: since === undefined ? undefined : Number(since),
        milliseconds: Number(wait) * 1_000,
        isOver: endOf(request),
      });
      await isStillLetIn(request.raw);
    }
    return await sendJson(reply, JSON.stringify(proposalDocument(await proposals.get(repository, id))));
  });

  app.post("/manage/open-proposal", async (request, reply) => {
    const { repository } = meaning(request, "openProposal");
    const body = await withBody(request, schemas.openBody, largestProposal, (given) =>
      proposals.open(
        repository,
        openRequestOf(given),
        request.grant.principal,
        mayPublish(request, repository),
      ),
    );
    reply.code(201);
    return await sendJson(reply, body);
  });
  app.post("/manage/sign-proposal", async (request, reply) => {
    const { repository, id } = meaning(request, "signProposal");
    const body = await withBody(request, schemas.signaturesBody, largestSignatures, (given) =>
      proposals.sign(
        repository,
        id,
        signedRolesOf(given),
        request.grant.principal,
        mayPublish(request, repository),
      ),
    );
    return await sendJson(reply, body);
  });
  app.post("/manage/reject-proposal", async (request, reply) => {
    const { repository, id } = meaning(request, "rejectProposal");
    const body = await withBody(request, schemas.rejectionBody, largestRejection, (given) =>
      proposals.reject(repository, id, rejectionOf(given), request.grant.principal),
    );
    return await sendJson(reply, body);
  });
  app.post("/manage/cancel-proposal", async (request, reply) => {
    const { repository, id } = meaning(request, "cancelProposal");
    const body = await withBody(request, schemas.cancelBody, largestCancel, async () => {
      await checkMayCancel(request, repository, id);
      return await proposals.cancel(repository, id, request.grant.principal);
    });
    return await sendJson(reply, body);
  });

  auditApi(app, options, budget);
  expiryApi(app, { options, budget });
  trailApi(app, service.trail);
  await app.register(onlineKeysApi, { options, budget, examination });
  importsApi(app, { options, budget, examination });

  app.all("/manage/missing", async (request) => {
    switch (meaning(request, "manageMissing").because) {
      case "name":
        throw new MalformedError("BAD_REPOSITORY_NAME", "Name a repository, percent-encoded as one segment.");
      case "path":
        throw new RefusedError(
          "NOT_FOUND",
          "There is nothing here: /api/v1/openapi.json says what there is.",
        );
    }
  });

  app.all("/manage/not-served", async () => {
    throw new RefusedError(
      "REPOSITORY_NOT_SERVED",
      `Require GUNs with prefix: [${repositories.prefixes.join(" ")}]`,
    );
  });

  /** Whoever may publish, and who opened it. */
  async function checkMayCancel(request: FastifyRequest, repository: string, id: string): Promise<void> {
    if (mayPublish(request, repository)) return;
    const { openedBy } = await proposals.get(repository, id);
    const { name } = request.grant.principal;
    // Nobody in particular has opened what nobody in particular opened.
    if (openedBy !== name || name === anonymousName)
      throw forbidden("Only who opened a proposal, or may publish to its repository, can cancel it.");
  }

  function mayPublish({ grant }: FastifyRequest, repository: string): boolean {
    return grant.may({ kind: "repository", repository, actions: ["push"] });
  }

  /** Nobody waits any more: the caller is gone, or this listener takes no new requests. */
  function endOf(request: FastifyRequest): () => boolean {
    const { socket } = request.raw;
    const wasListening = app.server.listening;
    return () => socket.destroyed || (wasListening && !app.server.listening);
  }
}

/** Without what is undefined. */
function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}
