/**
 * A container of the image as compose.yaml wants it: every key of the service is applied, and one that is not known here
 * is an error, so that nothing in the file is left untried.
 *
 * Two things differ, because the containers share the machine's network: the server listens on a free port of
 * 127.0.0.1, and the engine asks for its health every three seconds, so that no test waits half a minute.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { parse } from "yaml";
import { z } from "zod";
import { freePort } from "../../interop/support/process.ts";

const serviceSchema = z.strictObject({
  build: z.literal("."),
  image: z.literal("vidimus"),
  environment: z.record(z.string(), z.string()),
  ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:4443$/)),
  volumes: z.tuple([z.string().regex(/^[a-z]+:\/data$/)]),
  read_only: z.boolean(),
  tmpfs: z.array(z.string()),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  ulimits: z.record(z.string(), z.number()),
  mem_limit: z.string().regex(/^\d+g$/),
  pids_limit: z.number(),
  stop_grace_period: z.string().regex(/^\d+s$/),
  restart: z.literal("unless-stopped"),
  healthcheck: z.strictObject({
    test: z.tuple([z.literal("CMD")], z.string()),
    interval: z.string(),
    timeout: z.string(),
    start_period: z.string(),
    retries: z.number(),
  }),
});
export type Service = z.infer<typeof serviceSchema>;

export function readService(): Service {
  const text = readFileSync(resolve(import.meta.dirname, "../../../compose.yaml"), "utf8");
  return z
    .strictObject({
      services: z.strictObject({ vidimus: serviceSchema }),
      volumes: z.record(z.string(), z.null()),
    })
    .parse(parse(text)).services.vidimus;
}

/** What the library has no word for is set where it keeps it. */
class ServiceContainer extends GenericContainer {
  restrict(service: Service): this {
    this.hostConfig.ReadonlyRootfs = service.read_only;
    this.hostConfig.PidsLimit = service.pids_limit;
    return this;
  }
}

export interface ServiceWish {
  readonly image: string;
  /** Name of the volume for `/data`. */
  readonly volume: string;
  readonly port?: number;
  /** In place of what the network makes necessary. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningService {
  readonly container: StartedTestContainer;
  readonly url: string;
  readonly ca: string;
}

/** Not started yet. */
function serviceContainer(service: Service, wish: ServiceWish): GenericContainer {
  const { environment = {} } = wish;
  const ulimits = Object.entries(service.ulimits).map(
    ([name, hard]) => [name, { hard, soft: hard }] as const,
  );
  return new ServiceContainer(wish.image)
    .restrict(service)
    .withNetworkMode("host")
    .withEnvironment({ ...service.environment, ...environment })
    .withBindMounts([{ source: wish.volume, target: "/data" }])
    .withTmpFs(Object.fromEntries(service.tmpfs.map(splitAtColon)))
    .withDroppedCapabilities(...service.cap_drop)
    .withSecurityOpt(...service.security_opt)
    .withUlimits(Object.fromEntries(ulimits))
    .withResourcesQuota({ memory: Number.parseInt(service.mem_limit, 10) })
    .withHealthCheck({
      ...service.healthcheck,
      test: service.healthcheck.test,
      ...often,
    })
    .withAutoRemove(false);
}

const often = { interval: 3_000, timeout: 10_000, startPeriod: 0, retries: 30 };

function splitAtColon(text: string): [string, string] {
  const [place = "", options = ""] = text.split(/:(.*)/);
  return [place, options];
}

/** Started and healthy. */
export async function startService(service: Service, wish: ServiceWish): Promise<RunningService> {
  const port = wish.port ?? (await freePort());
  const environment = {
    VIDIMUS__SERVER__HOST: "127.0.0.1",
    VIDIMUS__SERVER__PORT: String(port),
    ...wish.environment,
  };
  const container = await serviceContainer(service, { ...wish, environment })
    .withWaitStrategy(Wait.forHealthCheck())
    .withStartupTimeout(40_000)
    .start();
  const ca = await ask(container, "require('fs').readFileSync('/data/tls/ca.crt', 'utf8')");
  return { container, url: `https://127.0.0.1:${port}`, ca };
}

/** The value of an expression in a Node beside the server, inside the container. */
export async function ask(container: StartedTestContainer, expression: string): Promise<string> {
  const { output, exitCode } = await container.exec(["node", "-p", expression]);
  if (exitCode !== 0) throw new Error(output);
  return output.trimEnd();
}
