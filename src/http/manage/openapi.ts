/** The OpenAPI 3.1 document of the management API, made of the very schemas that requests are checked by. */
import { z } from "zod";
import type { ManageRoute } from "../manage-routes.ts";
import * as imports from "./import-schemas.ts";
import * as schemas from "./schemas.ts";

interface Operation {
  readonly method: "get" | "post";
  readonly path: string;
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
  readonly status: 200 | 201;
  readonly answer: z.ZodType;
}

const ofRepository = "/api/v1/repositories/{name}/proposals";
const ofOnlineKeys = "/api/v1/repositories/{name}/online-keys";
const ofImport = "/api/v1/repositories/{name}/import";
const ofProposal = `${ofRepository}/{id}`;

/** One for each meaning that a request can have, complete by the compiler. */
export const operations: Record<Exclude<ManageRoute["kind"], "manageMissing">, Operation> = {
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
  onlineKeys: {
    method: "get",
    path: ofOnlineKeys,
    summary:
      "The keys that the root in force gives to timestamp and snapshot, and which of them are held here.",
    status: 200,
    answer: schemas.onlineKeys,
  },
  adoptOnlineKeys: {
    method: "post",
    path: ofOnlineKeys,
    summary:
      "Takes in private keys that the root in force lists, such as those of a Notary that this server takes the place of.",
    body: schemas.adoptBody,
    status: 200,
    answer: schemas.onlineKeys,
  },
  importStanding: {
    method: "get",
    path: ofImport,
    summary: "What is here of a repository, for whoever takes it over from elsewhere.",
    status: 200,
    answer: imports.standing,
  },
  takeOver: {
    method: "post",
    path: ofImport,
    summary:
      "Takes the present of a repository over that was made elsewhere, bytes untouched, after it was verified; all or nothing.",
    body: imports.takeOverBody,
    status: 200,
    answer: imports.taken,
  },
  importVersions: {
    method: "get",
    path: `${ofImport}/versions`,
    summary: "The versions of a role that are here, ascending.",
    query: imports.versionsQuery,
    status: 200,
    answer: imports.versions,
  },
  addPast: {
    method: "post",
    path: `${ofImport}/past`,
    summary:
      "Adds older files to a repository that was taken over: timestamps with what they lead to; all or nothing.",
    body: imports.pastBody,
    status: 200,
    answer: imports.added,
  },
  openapi: {
    method: "get",
    path: "/api/v1/openapi.json",
    summary: "This document.",
    status: 200,
    answer: z.looseObject({ openapi: z.literal("3.1.0") }),
  },
};

const pathParameters = new Map([
  ["name", "The repository's name, percent-encoded as one segment."],
  ["id", "16 hexadecimal digits."],
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
  AdoptOnlineKeys: schemas.adoptBody,
  OnlineKeys: schemas.onlineKeys,
  Refusal: schemas.refusal,
})) {
  named.add(schema, { id });
}

const place = (id: string) => `#/components/schemas/${id}`;

export function openapiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [id, operation] of Object.entries(operations)) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described(id, operation) };
  }
  const components = z.toJSONSchema(named, { uri: place, target: "draft-2020-12" }).schemas;
  return {
    openapi: "3.1.0",
    info: {
      title: "Vidimus management API",
      version: "1",
      description:
        "Proposals: files that wait for signatures of several people (docs/proposals.md). Imports: repositories that were made elsewhere, and online keys of a server that is taken over (docs/moving.md).",
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
      required: false,
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
