/** The OpenAPI 3.1 document of the management API, made of the very schemas that requests are checked by. */
import { z } from "zod";
import type { ManageRoute } from "../manage-routes.ts";
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

export function openapiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [id, operation] of Object.entries(operations)) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: described(id, operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Vidimus management API",
      version: "1",
      description: "Proposals: files that wait for signatures of several people (docs/proposals.md).",
    },
    paths,
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
      schema: jsonSchema(schema as z.ZodType, "input"),
    })),
  ];
  return {
    operationId,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: !body.isOptional(), content: json(jsonSchema(body, "input")) },
    }),
    responses: {
      [status]: { description: "Done.", content: json(jsonSchema(answer, "output")) },
      default: { description: "Refused.", content: json(jsonSchema(schemas.refusal, "output")) },
    },
  };
}

function json(schema: object): object {
  return { "application/json": { schema } };
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): object {
  // Every schema stands where it is used: the document needs no names.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, reused: "inline", target: "draft-2020-12" });
  return rest;
}
