/** Taking over repositories that were made elsewhere: handlers of the management API. */
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import { decodeBase64 } from "../../core/bytes.ts";
import { MalformedError } from "../../core/errors.ts";
import type { ByteBudget } from "../budget.ts";
import { sendJson } from "../exchange.ts";
import type { Gate } from "../gate.ts";
import { withJson } from "../json-body.ts";
import type { AppOptions } from "../options.ts";
import { checked, meaning, parameters } from "./asking.ts";
import * as schemas from "./import-schemas.ts";

const page = 1_000;

export function importsApi(
  app: FastifyInstance,
  { options, budget, examination }: { options: AppOptions; budget: ByteBudget; examination: Gate },
): void {
  const { service, limits } = options;
  const { imports } = service;

  app.get("/manage/import-standing", async (request, reply) => {
    const { repository } = meaning(request, "importStanding");
    const { exists, revision, incarnation, current, imported, adopted } = await imports.standing(repository);
    const document: z.input<typeof schemas.standing> = {
      format: "vidimus-import-standing/1",
      exists,
      revision,
      incarnation,
      current: [...current].map(([role, { version, sha256 }]) => ({ role, version, sha256 })),
      ...(imported !== undefined && {
        imported: { at: new Date(imported.at).toISOString(), origin: imported.origin },
      }),
      adopted,
    };
    return await sendJson(reply, JSON.stringify(document));
  });

  app.get("/manage/import-versions", async (request, reply) => {
    const { repository, query } = meaning(request, "importVersions");
    const { role, after } = checked(schemas.versionsQuery, parameters(query), "query");
    const found = await imports.versions(repository, role, Number(after ?? 0), page);
    const last = found.length === page ? found.at(-1) : undefined;
    const document: z.input<typeof schemas.versions> = {
      format: "vidimus-import-versions/1",
      versions: found.map(({ version, sha256 }) => ({ version, sha256 })),
      ...(last !== undefined && { next: last.version }),
    };
    return await sendJson(reply, JSON.stringify(document));
  });

  app.post("/manage/take-over", async (request, reply) => {
    const { repository } = meaning(request, "takeOver");
    service.checkWritable();
    const taken = await withJson(request.raw, limits.uploadBytes, budget, (value) =>
      examination.run(async () => {
        const { origin, roots, files, dryRun } = checked(schemas.takeOverBody, value, "body");
        const wanted = {
          origin,
          roots: roots.map((text) => decodeBase64(text, "root")),
          files: byRole(files),
          dryRun,
        };
        return await imports.take(repository, wanted, request.grant.principal);
      }),
    );
    const { changed, revision, incarnation, remarks } = taken;
    const document: z.input<typeof schemas.taken> = {
      format: "vidimus-import/1",
      changed,
      revision,
      incarnation,
      remarks: remarks.map(({ code, role }) => ({ code, role })),
    };
    return await sendJson(reply, JSON.stringify(document));
  });

  app.post("/manage/add-past", async (request, reply) => {
    const { repository } = meaning(request, "addPast");
    service.checkWritable();
    const { added } = await withJson(request.raw, limits.uploadBytes, budget, (value) =>
      examination.run(async () => {
        const { incarnation, files } = checked(schemas.pastBody, value, "body");
        const decoded = files.map(({ role, bytes }) => ({ role, bytes: decodeBase64(bytes, role) }));
        return await imports.addPast(repository, { incarnation, files: decoded }, request.grant.principal);
      }),
    );
    const document: z.input<typeof schemas.added> = { format: "vidimus-import-past/1", added };
    return await sendJson(reply, JSON.stringify(document));
  });
}

function byRole(
  files: readonly { readonly role: string; readonly bytes: string }[],
): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const { role, bytes } of files) {
    if (found.has(role))
      throw new MalformedError("DUPLICATE_ROLE", "Send each role once in an import.", { role });
    found.set(role, decodeBase64(bytes, role));
  }
  return found;
}
