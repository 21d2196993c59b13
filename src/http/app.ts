/**
 * The HTTP application: made by a function, without listening, so that tests can call it directly.
 *
 * `routes.ts` decides what a request means from the raw path; the framework's own router sees that verdict as a
 * fixed path inside the process (`/notary/current`), never the caller's text. Each API is a plugin with its own
 * context. Whatever is thrown becomes an answer in one place. Only `hot-reads.ts` answers before the framework does.
 */
import type { IncomingMessage, RequestListener } from "node:http";
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import { FileAnswers } from "./answers.ts";
import { openToAll } from "./auth/access.ts";
import { makeIncident } from "./auth/incident.ts";
import { AccessRefusal, lacking, notaryRefusal } from "./auth/refusal.ts";
import { countRefusal } from "./auth/refused.ts";
import { letIn } from "./auth/still.ts";
import { tokenEndpoint } from "./auth/token-endpoint.ts";
import { ByteBudget } from "./budget.ts";
import { refuseClientError } from "./client-errors.ts";
import { errorAnswer } from "./errors.ts";
import { addressOf, sendError } from "./exchange.ts";
import { Gate } from "./gate.ts";
import { type HotReads, hotReads } from "./hot-reads.ts";
import { FileLookup } from "./lookup.ts";
import { manageAnswer } from "./manage/errors.ts";
import { loginApi } from "./manage/login.ts";
import { peopleApi } from "./manage/people.ts";
import { manageApi } from "./manage.ts";
import { HttpMetrics } from "./metrics.ts";
import { notaryApi } from "./notary.ts";
import { operationsApi } from "./operations.ts";
import type { AppOptions } from "./options.ts";
import { allowedMethods, type Route, routeOf } from "./routes.ts";

const meanings = new WeakMap<object, Route>();
const startedAt = new WeakMap<object, number>();
/** Requests of which the log has said all that there is to say. */
const told = new WeakSet<object>();

/** Which plugin answers what. */
const apiOf: Record<Route["kind"], string> = {
  ping: "/notary/ping",
  publish: "/notary/publish",
  delete: "/notary/delete",
  current: "/notary/current",
  version: "/notary/version",
  digest: "/notary/digest",
  key: "/notary/key",
  rotate: "/notary/rotate",
  feed: "/notary/feed",
  missing: "/notary/missing",
  notServed: "/notary/not-served",
  redirect: "/notary/redirect",
  proposals: "/manage/proposals",
  repositoryProposals: "/manage/repository-proposals",
  openProposal: "/manage/open-proposal",
  proposal: "/manage/proposal",
  signProposal: "/manage/sign-proposal",
  rejectProposal: "/manage/reject-proposal",
  cancelProposal: "/manage/cancel-proposal",
  audit: "/manage/audit",
  keys: "/manage/keys",
  registerKey: "/manage/register-key",
  deniedKeys: "/manage/denied-keys",
  denyKey: "/manage/deny-key",
  allowKey: "/manage/allow-key",
  expiring: "/manage/expiring",
  oldSignatures: "/manage/old-signatures",
  retentionPlan: "/manage/retention-plan",
  retentionRun: "/manage/retention-run",
  users: "/manage/people/users",
  addUser: "/manage/people/add-user",
  changeUser: "/manage/people/change-user",
  removeUser: "/manage/people/remove-user",
  changePassword: "/manage/people/change-password",
  sessions: "/manage/people/sessions",
  endSessions: "/manage/people/end-sessions",
  teams: "/manage/people/teams",
  addTeam: "/manage/people/add-team",
  removeTeam: "/manage/people/remove-team",
  addMember: "/manage/people/add-member",
  removeMember: "/manage/people/remove-member",
  tokens: "/manage/people/tokens",
  addToken: "/manage/people/add-token",
  revokeToken: "/manage/people/revoke-token",
  permissions: "/manage/people/permissions",
  setPermission: "/manage/people/set-permission",
  removePermission: "/manage/people/remove-permission",
  explain: "/manage/people/explain",
  login: "/manage/people/login",
  logout: "/manage/people/logout",
  token: "/token",
  auditTrail: "/manage/audit-trail",
  auditHead: "/manage/audit-head",
  onlineKeys: "/manage/online-keys",
  adoptOnlineKeys: "/manage/adopt-online-keys",
  importStanding: "/manage/import-standing",
  takeOver: "/manage/take-over",
  addPast: "/manage/add-past",
  importVersions: "/manage/import-versions",
  openapi: "/manage/openapi",
  manageMissing: "/manage/missing",
  manageNotServed: "/manage/not-served",
  badMethod: "/bad-method",
  health: "/operations/health",
  metrics: "/operations/metrics",
  livez: "/operations/livez",
  readyz: "/operations/readyz",
  startupz: "/operations/startupz",
};

export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { logger, repositories, access = openToAll } = options;
  const metrics = options.metrics ?? new HttpMetrics(options.service);
  const answers = new FileAnswers(options.caching);
  const lookup = new FileLookup(options.service);
  const hot: HotReads = options.apis.notary
    ? hotReads({ lookup, answers, metrics, logger, meaningOf, isAllowed: access.isKnownReader })
    : () => false;
  let closing = false;

  function meaningOf(request: IncomingMessage): Route {
    const known = meanings.get(request);
    if (known !== undefined) return known;
    const meaning = meaningFor(request.method ?? "", request.url ?? "");
    meanings.set(request, meaning);
    return meaning;
  }

  function meaningFor(method: string, url: string): Route {
    const asked = routeOf(method, url, repositories);
    const isForeign = asked.kind === "token" && options.builtin === undefined;
    const absent =
      isForeign || (!options.apis.notary && !/^\/(?:operations|bad-method)/.test(apiOf[asked.kind]));
    return absent ? { kind: "missing", detail: false } : asked;
  }

  /** As the original refuses it: without a body. */
  async function refuseMethod({ originalUrl }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const allowed = allowedMethods((method) => meaningFor(method, originalUrl));
    return await reply.code(405).header("allow", allowed.join(", ")).send();
  }

  /** The framework's handler, behind the short way. */
  function behindHotReads(framework: RequestListener): RequestListener {
    return (request, response) => {
      if (closing || !hot(request, response)) framework(request, response);
    };
  }

  const { serverFactory } = options;
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    bodyLimit: Number.MAX_SAFE_INTEGER,
    exposeHeadRoutes: false,
    return503OnClosing: true,
    clientErrorHandler: refuseClientError(metrics, logger),
    ...(serverFactory !== undefined && {
      serverFactory: (framework: RequestListener) => serverFactory(behindHotReads(framework)),
    }),
    rewriteUrl(request) {
      startedAt.set(request, performance.now());
      return apiOf[meaningOf(request as IncomingMessage).kind];
    },
  }) as unknown as FastifyInstance;

  app.decorateRequest("meaning", {
    getter(this: FastifyRequest) {
      return meanings.get(this.raw) as Route;
    },
  });
  // Bodies are read by whoever wants one, within bounds of its own.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));

  app.decorateRequest("grant");
  // Before a byte of the body is read, and before anything is looked up.
  app.addHook("onRequest", async (request) => {
    const { raw, meaning } = request;
    request.grant = await access.authorize(raw, meaning, addressOf(request));
    letIn(raw, () => access.confirm(raw, meaning, request.grant));
  });

  // From here on the framework refuses everything, and it alone.
  app.addHook("preClose", async () => {
    closing = true;
  });
  app.addHook("onResponse", async (request, reply) => {
    const elapsed = performance.now() - (startedAt.get(request.raw) ?? performance.now());
    metrics.count(request.meaning.kind, request.method, reply.raw.statusCode, elapsed);
    const status = reply.raw.statusCode;
    const level = levelOf(request, status);
    // The hot path makes no record that nobody wants.
    if (level === "debug" && !logger.isLevelEnabled("debug")) return;
    const { method, originalUrl, ip: from } = request;
    // Without its query: what callers put there by mistake is not for the log.
    const path = originalUrl.split("?", 1)[0];
    request.log[level]({ method, path, from, status, ms: elapsed }, "answered");
  });
  app.setErrorHandler(async (thrown, request, reply) => {
    // The framework has rules of its own for the bodies of some methods; which methods there are is decided here.
    if (request.meaning.kind === "badMethod") return await refuseMethod(request, reply);
    const ofManagement = apiOf[request.meaning.kind].startsWith("/manage/");
    const lacksRight = thrown instanceof AccessRefusal && thrown.lack === "insufficient_scope";
    const error = ofManagement && lacksRight ? lacking(thrown) : thrown;
    const isChallenged = error instanceof AccessRefusal;
    const incident = makeIncident();
    const plain = ofManagement ? manageAnswer(error, incident) : errorAnswer(error);
    const words = isChallenged && !ofManagement ? notaryRefusal(error, plain) : plain;
    const answer = words.own === "INTERNAL" ? { ...words, incident } : words;
    metrics.refused(answer.own, answer.reasons);
    options.service.noteDamage(error);
    countRefusal(options.service.refusals, request, thrown, answer);
    if (thrown instanceof AccessRefusal) metrics.notLetIn(thrown.lack);
    const refusal = {
      code: answer.own,
      status: answer.status,
      ...(answer.incident !== undefined && { incident }),
    };
    // A refusal is no fault of ours: its sentence says it all. What is a fault is logged with all that lies under it.
    if (answer.own === "STORE_BEHIND") {
      // A state that lasts until its operator ends it, and of which the start has said everything: one line each.
      told.add(request.raw);
      request.log.warn(
        { ...refusal, ...repositoryOf(request.meaning) },
        "refused: the store is behind its mark",
      );
    } else if (answer.status >= 500) request.log.error({ ...refusal, err: error }, "failed");
    // So every stock client begins.
    else if (thrown instanceof AccessRefusal && thrown.lack === "missing")
      request.log.debug(refusal, thrown.message);
    else request.log.info(refusal, error instanceof Error ? error.message : "refused");
    // A body that was not read to its end must not be taken for the next request.
    if (!request.raw.complete) reply.header("connection", "close");
    return await sendError(reply, answer, request.method, isChallenged ? access.challenge(error) : undefined);
  });
  app.setNotFoundHandler(refuseMethod);

  // Both count against the same bounds: a body is a body.
  const budget = new ByteBudget(options.limits.uploadsInMemory);
  const examination = new Gate(options.limits.uploadsExamined);
  await app.register(notaryApi, { options, answers, lookup, budget, examination });
  await app.register(manageApi, { options, budget, examination });
  await app.register(peopleApi, { options, budget });
  await app.register(loginApi, { options, budget });
  if (options.builtin !== undefined) {
    const { refusals } = options.service;
    await app.register(tokenEndpoint, { builtin: options.builtin, budget, refusals });
  }
  await app.register(operationsApi, { options, metrics });
  return app;
}

/** Probes come every few seconds; what they are told is in the log when it changes. */
function levelOf({ meaning, method, raw }: FastifyRequest, status: number): "debug" | "info" | "error" {
  if (told.has(raw) || meaning.kind === "readyz" || meaning.kind === "health") return "debug";
  if (status >= 500) return "error";
  return method === "GET" || method === "HEAD" ? "debug" : "info";
}

function repositoryOf(meaning: Route): { readonly repository?: string } {
  return "repository" in meaning && meaning.repository !== undefined
    ? { repository: meaning.repository }
    : {};
}
