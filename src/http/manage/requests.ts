/** What the handlers of the management API have in common: the meaning of a request, and what it says, checked. */
import type { FastifyRequest } from "fastify";
import type { z } from "zod";
import { MalformedError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { ManageRoute } from "../manage-routes.ts";

/** The meaning of a request that only comes here with that meaning. */
export function meaning<K extends ManageRoute["kind"]>(
  request: FastifyRequest,
  kind: K,
): Extract<ManageRoute, { kind: K }> {
  const route = request.meaning;
  if (route.kind !== kind) throw new TypeError(`a request for ${route.kind} was sent to ${kind}`);
  return route as Extract<ManageRoute, { kind: K }>;
}

/** Each parameter once. */
export function parameters(query: string): Record<string, string> {
  const all = [...new URLSearchParams(query)];
  const values = new Map(all);
  if (values.size !== all.length) throw bad("query: give each parameter once");
  return Object.fromEntries(values);
}

export function checked<S extends z.ZodType>(
  schema: S,
  value: Json | Record<string, string> | undefined,
  what: string,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? what : issue.path.join(".");
  throw bad(`${path}: ${issue?.message ?? "not as documented"}`);
}

export function bad(what: string): MalformedError {
  const shown = what.replace(/[^\x20-\x7e]/g, "?").slice(0, 300);
  return new MalformedError(
    "BAD_PARAMETER",
    `Mend the request (${shown}): /api/v1/openapi.json says how it looks.`,
  );
}
