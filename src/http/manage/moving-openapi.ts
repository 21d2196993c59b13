/** The operations of `imports.ts` and `online-keys.ts` for the OpenAPI document. */
import type { MovingRoute } from "../manage-routes.ts";
import * as imports from "./import-schemas.ts";
import type { Operation } from "./operation.ts";
import * as schemas from "./schemas.ts";

const ofOnlineKeys = "/api/v1/repositories/{name}/online-keys";
const ofImport = "/api/v1/repositories/{name}/import";

/** One for each meaning, complete by the compiler. */
export const movingOperations: Record<MovingRoute["kind"], Operation> = {
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
};
