/** The OpenAPI 3.1 document of the management API, made of the very schemas that requests are checked by. */
import { z } from "zod";
import { auditQuestions } from "../../service/audit/audit-service.ts";
import type { ManageRoute } from "../manage-routes.ts";
import * as audit from "./audit-schemas.ts";
import * as expirySchemas from "./expiry-schemas.ts";
import { movingOperations } from "./moving-openapi.ts";
import type { Operation } from "./operation.ts";
import { peopleOperations } from "./people-openapi.ts";
import * as schemas from "./schemas.ts";

const ofRepository = "/api/v1/repositories/{name}/proposals";
const ofProposal = `${ofRepository}/{id}`;

/** One for each meaning that a request can have, complete by the compiler; of questions there is one for each. */
export const operations: Record<
  Exclude<ManageRoute["kind"], "manageMissing" | "manageNotServed" | "audit">,
  Operation
> = {
  proposals: {
    method: "get",
    path: "/api/v1/proposals",
    summary: "Proposals of all repositories, newest first.",
    query: schemas.listQuery,
    status: 200,
    answer: schemas.proposalList,
  },
  repositoryProposals: {
    method: "get",
    path: ofRepository,
    summary: "Proposals of a repository, newest first.",
    query: schemas.listQuery,
    status: 200,
    answer: schemas.proposalList,
  },
  openProposal: {
    method: "post",
    path: ofRepository,
    summary:
      "Opens a proposal, after everything but the signatures was checked. An open one of the same bytes gets them.",
    body: schemas.openBody,
    status: 201,
    answer: schemas.proposal,
  },
  proposal: {
    method: "get",
    path: ofProposal,
    summary: "One proposal with its files. Can wait for a change.",
    query: schemas.proposalQuery,
    status: 200,
    answer: schemas.proposal,
  },
  signProposal: {
    method: "post",
    path: `${ofProposal}/signatures`,
    summary: "Adds signatures, all or none, and publishes when nothing is missing.",
    body: schemas.signaturesBody,
    status: 200,
    answer: schemas.proposal,
  },
  rejectProposal: {
    method: "post",
    path: `${ofProposal}/rejection`,
    summary: "Ends it by the signed statement of one who could sign it.",
    body: schemas.rejectionBody,
    status: 200,
    answer: schemas.proposal,
  },
  cancelProposal: {
    method: "post",
    path: `${ofProposal}/cancel`,
    summary: "Ends it, by who may publish.",
    body: schemas.cancelBody,
    status: 200,
    answer: schemas.proposal,
  },
  keys: {
    method: "get",
    path: "/api/v1/keys",
    summary: "The register: whose keys they are, and where they are kept.",
    query: audit.keysQuery,
    status: 200,
    answer: audit.keyList,
  },
  registerKey: {
    method: "post",
    path: "/api/v1/keys",
    summary:
      "Says whose key it is, from when on; in the place of what was said of the same key and beginning.",
    body: audit.registerBody,
    status: 200,
    answer: audit.keyChange,
  },
  deniedKeys: {
    method: "get",
    path: "/api/v1/keys/denied",
    summary: "Keys that count in no new publication and no proposal.",
    status: 200,
    answer: audit.deniedList,
  },
  denyKey: {
    method: "post",
    path: "/api/v1/keys/{key}/deny",
    summary: "From now on the key counts in no new publication and no proposal of this server.",
    body: audit.denyBody,
    status: 200,
    answer: audit.keyChange,
  },
  allowKey: {
    method: "post",
    path: "/api/v1/keys/{key}/allow",
    summary: "Lifts the denial of a key.",
    body: audit.allowBody,
    status: 200,
    answer: audit.keyChange,
  },
  expiring: {
    method: "get",
    path: "/api/v1/expiring",
    summary: "Roles, certificates and tokens that end soon, of some repositories after another.",
    query: expirySchemas.expiringQuery,
    status: 200,
    answer: expirySchemas.expiring,
  },
  oldSignatures: {
    method: "get",
    path: "/api/v1/old-signatures",
    summary: "Targets that were signed, or first seen without a date, long ago.",
    query: expirySchemas.oldSignaturesQuery,
    status: 200,
    answer: expirySchemas.oldSignatures,
  },
  retentionPlan: {
    method: "get",
    path: "/api/v1/retention",
    summary: "Superseded files that would be taken away now.",
    query: expirySchemas.retentionQuery,
    status: 200,
    answer: expirySchemas.retention,
  },
  retentionRun: {
    method: "post",
    path: "/api/v1/retention",
    summary: "Takes them away. Their digests stay.",
    body: expirySchemas.retentionBody,
    status: 200,
    answer: expirySchemas.retention,
  },
  ...peopleOperations,
  auditTrail: {
    method: "get",
    path: "/api/v1/audit/trail",
    summary: "Entries of the audit trail, oldest first.",
    query: schemas.trailQuery,
    status: 200,
    answer: schemas.trail,
  },
  auditHead: {
    method: "get",
    path: "/api/v1/audit/head",
    summary: "The head of the audit trail as it is now, and the key that signs the heads that are sent out.",
    status: 200,
    answer: schemas.trailHead,
  },
  ...movingOperations,
  openapi: {
    method: "get",
    path: "/api/v1/openapi.json",
    summary: "This document.",
    status: 200,
    answer: z.looseObject({ openapi: z.literal("3.1.0") }),
  },
};

const pathParameters = new Map([
  ["name", "The name, percent-encoded as one segment."],
  ["team", "A team's name."],
  ["id", "16 hexadecimal digits."],
  ["key", "ID of the bare key, 64 hexadecimal digits."],
]);

/** What is named in the document, and referred to by that name. */
const named = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries({
  Signature: schemas.signature,
  OpenProposal: schemas.openBody,
  AddSignatures: schemas.signaturesBody,
  RejectProposal: schemas.rejectionBody,
  Proposal: schemas.proposal,
  ProposalList: schemas.proposalList,
  AuditAnswer: audit.auditAnswer,
  KeyList: audit.keyList,
  Expiring: expirySchemas.expiring,
  OldSignatures: expirySchemas.oldSignatures,
  Retention: expirySchemas.retention,
  AuditTrail: schemas.trail,
  AuditHead: schemas.trailHead,
  AdoptOnlineKeys: schemas.adoptBody,
  OnlineKeys: schemas.onlineKeys,
  Refusal: schemas.refusal,
})) {
  named.add(schema, { id });
}

const place = (id: string) => `#/components/schemas/${id}`;

export function openapiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  const questions = auditQuestions.map((question): [string, Operation] => [
    question,
    {
      method: "get",
      path: `/api/v1/audit/${question}`,
      summary: audit.auditSummaries[question],
      query: audit.auditQueries[question],
      status: 200,
      answer: audit.auditAnswer,
    },
  ]);
  for (const [id, operation] of [...Object.entries(operations), ...questions]) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described(id, operation) };
  }
  const components = z.toJSONSchema(named, { uri: place, target: "draft-2020-12" }).schemas;
  return {
    openapi: "3.1.0",
    info: {
      title: "Vidimus management API",
      version: "1",
      description:
        "Proposals: files that wait for signatures of several people (docs/proposals.md). What nears its end, and what is kept (docs/expiry.md). People, teams, tokens and permissions, where the server knows its callers itself (docs/access.md). The audit trail (docs/audit-trail.md). Questions about the past, and whose keys they are (docs/audit.md). Imports: repositories that were made elsewhere, and online keys of a server that is taken over (docs/moving.md).",
    },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(components).map(([id, schema]) => [id, bare(schema)])),
    },
  };
}

function described(operationId: string, { path, summary, body, query, status, answer }: Operation): object {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
      name,
      in: "path",
      required: true,
      description: pathParameters.get(name),
      schema: { type: "string" },
    })),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
      name,
      in: "query",
      required: !(schema as z.ZodType).isOptional(),
      schema: jsonSchema(schema as z.ZodType),
    })),
  ];
  return {
    operationId,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: !body.isOptional(), content: json(jsonSchema(body)) },
    }),
    responses: {
      [status]: { description: "Done.", content: json(jsonSchema(answer)) },
      default: { description: "Refused.", content: json(jsonSchema(schemas.refusal)) },
    },
  };
}

function json(schema: object): object {
  return { "application/json": { schema } };
}

function jsonSchema(schema: z.ZodType): object {
  const name = named.get(schema)?.id;
  return name === undefined
    ? bare(z.toJSONSchema(schema, { target: "draft-2020-12" }))
    : { $ref: place(name) };
}

/** Without what makes it a document of its own: references are those of the whole. */
function bare({ $schema: _, $id: __, ...schema }: z.core.JSONSchema.BaseSchema): object {
  return schema;
}
