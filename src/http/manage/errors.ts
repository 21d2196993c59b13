/** Refusals in the words of the management API: our own codes and sentences, with the statuses of the other one. */
import { type Code, VidimusError } from "../../core/errors.ts";
import { tellIncident } from "../auth/incident.ts";
import { type ErrorAnswer, errorAnswer, refusalOfFramework } from "../errors.ts";

/** Where this API can say more by its status. */
const statuses: Partial<Record<Code, number>> = {
  CONFLICT: 409,
  ROLLBACK: 409,
  PROPOSAL_CLOSED: 409,
  TOO_MANY_DENIED: 409,
  NOT_KEPT: 410,
  FORBIDDEN: 403,
  NAME_TAKEN: 409,
  TOO_MANY_ENTRIES: 409,
  IMPORT_CONFLICT: 409,
};

/** What to answer to anything that was thrown. Opaque is only what is no refusal, and that is told by its `incident`. */
export function manageAnswer(thrown: unknown, incident: string): ErrorAnswer {
  const answer = errorAnswer(thrown);
  const refusal = refusalOfFramework(thrown) ?? (thrown instanceof VidimusError ? thrown : undefined);
  const { message, role, detail } = refusal ?? {
    message: `The server failed: ${tellIncident(incident)}.`,
    role: undefined,
    detail: undefined,
  };
  const error = {
    code: answer.own,
    message,
    ...(role !== undefined && { role }),
    ...(detail !== undefined && { detail }),
  };
  return {
    ...answer,
    status: (refusal && statuses[refusal.code]) ?? answer.status,
    body: `${JSON.stringify({ errors: [error] })}\n`,
  };
}
