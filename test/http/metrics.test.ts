import { expect, it } from "vitest";
import { HttpMetrics } from "../../src/http/metrics.ts";
import type { ProposalService } from "../../src/service/proposal-service.ts";

const proposals = { facts: async () => ({ open: 3, published: 2, rejected: 1, expired: 0 }) };
const metricsOf = (lag: number, others?: ConstructorParameters<typeof HttpMetrics>[1]) =>
  new HttpMetrics({ renewalLag: async () => lag, proposals: proposals as unknown as ProposalService }, others);

/** As it crosses from one process to another. */
const sent = async (metrics: HttpMetrics) => structuredClone(await metrics.toSend());

const reads = 'notary_server_http_requests_total{operation="GetRole",method="GET",code="200"}';
const line = (body: string, name: string) =>
  body
    .split("\n")
    .find((each) => each.startsWith(`${name} `))
    ?.slice(name.length + 1);

it("of several processes are added up, and of the lag the largest counts", async () => {
  const [one, two] = [metricsOf(3_000), metricsOf(7_000)];
  for (const each of [one, one, two]) each.count("current", "GET", 200, 1);
  for (const each of [one, two]) each.count("publish", "POST", 200, 4);
  two.refused("THRESHOLD");
  const here = metricsOf(5_000, async () => [await sent(one), await sent(two)]);
  here.count("current", "GET", 200, 1);
  const { type, body } = await here.text();
  expect(type).toContain("text/plain");
  expect(line(body, reads)).toBe("4");
  expect(line(body, "vidimus_publish_seconds_count")).toBe("2");
  expect(line(body, 'vidimus_refusals_total{code="THRESHOLD"}')).toBe("1");
  expect(line(body, "vidimus_renewal_lag_seconds")).toBe("7");
  // All processes look at the same proposals; each has ended others.
  expect(line(body, "vidimus_proposals_open")).toBe("3");
  expect(line(body, 'vidimus_proposals_total{outcome="published"}')).toBe("6");
  expect(line(body, 'vidimus_proposals_total{outcome="expired"}')).toBe("0");
});

it("have the names with others that they have alone, but for the start, which is another for each", async () => {
  const names = ({ body }: { body: string }) => [...new Set(body.match(/^[a-z_]+(?=[ {])/gm))].sort();
  const alone = metricsOf(0);
  const beside = metricsOf(0, async () => []);
  for (const each of [alone, beside]) each.count("current", "GET", 200, 1);
  const expected = names(await alone.text()).filter((name) => name !== "process_start_time_seconds");
  expect(names(await beside.text())).toEqual(expected);
});
