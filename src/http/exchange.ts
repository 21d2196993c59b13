/** What the plugins share: the meaning of a request, and answers that are not files. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Grant } from "./auth/grant.ts";
import type { ErrorAnswer } from "./errors.ts";
import type { Route } from "./routes.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** What this request means. */
    readonly meaning: Route;
    /** Who calls, and what they may do. */
    grant: Grant;
  }
}

/** Where a request comes from; empty over a Unix socket, of whose other end nothing is known. */
export function addressOf(request: Pick<FastifyRequest, "ip">): string {
  const { ip } = request as { readonly ip: string | undefined };
  return ip ?? "";
}

/** An error in the API's words. `challenge`: what `WWW-Authenticate` says. */
export async function sendError(
  reply: FastifyReply,
  answer: ErrorAnswer,
  method: string,
  challenge?: string,
): Promise<FastifyReply> {
  reply
    .code(answer.status)
    .header("content-type", "application/json; charset=utf-8")
    .header("cache-control", "no-store");
  reply.header("vidimus-code", answer.own);
  if (answer.incident !== undefined) reply.header("vidimus-incident", answer.incident);
  // Of a server that only reads.
  if (answer.status === 405) reply.header("allow", "GET, HEAD");
  if (challenge !== undefined) reply.header("www-authenticate", challenge);
  if (answer.retryAfter !== undefined) reply.header("retry-after", String(answer.retryAfter));
  // Bytes, or Node would encode the header once more together with a body of text.
  return await reply.send(Buffer.from(method === "HEAD" ? "" : answer.body));
}

/** JSON that must not be kept. */
export async function sendJson(reply: FastifyReply, body: string): Promise<FastifyReply> {
  return await reply
    .header("content-type", "application/json")
    .header("cache-control", "no-store")
    .send(body);
}
