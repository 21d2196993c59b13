/** Health, probes and metrics: for operators and orchestrators, on the main listener or one of their own. */
import type { FastifyInstance, FastifyReply } from "fastify";
import { damageSentence } from "../service/service.ts";
import { missingAnswer } from "./errors.ts";
import { sendError, sendJson } from "./exchange.ts";
import type { HttpMetrics } from "./metrics.ts";
import type { AppOptions } from "./options.ts";

export async function operationsApi(
  app: FastifyInstance,
  { options, metrics }: { options: AppOptions; metrics: HttpMetrics },
): Promise<void> {
  const { service, apis } = options;
  const absent = async (reply: FastifyReply) => await sendError(reply, missingAnswer(false), "GET");

  // The original's health route (notary-protocol.md 1.6) stays with the API it belongs to.
  const health = async (reply: FastifyReply, notes: Readonly<Record<string, string>> = {}) => {
    const faults = await service.health();
    reply.code(faults.size === 0 ? 200 : 503).header("content-type", "application/json; charset=utf-8");
    return await reply
      .header("cache-control", "no-store")
      .send(JSON.stringify({ ...Object.fromEntries(faults), ...notes }));
  };
  /** What an operator has to see to while the server does its work. */
  const notes = () => {
    const policy = service.policyFault();
    return {
      ...(policy === undefined ? {} : { Policy: policy }),
      ...(service.damageMet() === 0 ? {} : { "Stored files": damageSentence }),
    };
  };
  const read = (name: string, handler: (reply: FastifyReply) => Promise<FastifyReply>) =>
    app.route({
      method: ["GET", "HEAD"],
      url: `/operations/${name}`,
      handler: async (_request, reply) => await handler(reply),
    });
  read("health", async (reply) => await (apis.notary || apis.probes ? health(reply) : absent(reply)));
  read("readyz", async (reply) => await (apis.probes ? health(reply, notes()) : absent(reply)));
  for (const name of ["livez", "startupz"]) {
    // A process that can answer this lives; and it listens only once it has started.
    read(name, async (reply) => await (apis.probes ? sendJson(reply, "{}") : absent(reply)));
  }
  read("metrics", async (reply) => {
    if (!apis.metrics) return await absent(reply);
    const { type, body } = await metrics.text();
    return await reply.header("content-type", type).send(body);
  });
}
