import { X509Certificate } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { bareKey, type PublisherKey } from "../../support/bare/keys.ts";
import { again, bundleKey, makeCertificate } from "../../support/forgery.ts";
import { judged, ruled, said } from "../../support/judging.ts";
import { Publishing } from "../../support/publishing.ts";

let publishing: Publishing;
beforeEach(async () => {
  publishing = await Publishing.create();
});

const certificateId = ({ listed }: PublisherKey) => listed.id;
const first = () => publishing.sim.root.keys[0] ?? expect.unreachable("no root key");
const pinned = (keys: readonly string[], more: object = {}) => ruled({ root: { pins: { keys }, ...more } });
const refusals = (policy: ReturnType<typeof ruled>) =>
  said(judged(publishing, policy).filter(({ code }) => code.startsWith("PIN_")));

/** A generation with other root keys. */
function rotate(...keys: PublisherKey[]): void {
  publishing.sim.root.keys = keys;
  publishing.sim.publish();
}

describe("the first root", () => {
  it("is accepted with a pinned key, by the ID of the certificate and under certificates", () => {
    expect(refusals(pinned([certificateId(first())]))).toEqual([]);
    expect(refusals(ruled({ root: { pins: { certificates: [certificateId(first())] } } }))).toEqual([]);
  });

  it("is accepted with a pinned key, by the ID of the bare key", async () => {
    const certificate = await makeCertificate(publishing.sim.now, { name: publishing.sim.repository });
    rotate(bundleKey(certificate));
    expect(refusals(pinned([bareKey(again(certificate.key)).listed.id]))).toEqual([]);
  });

  it("is accepted with a certificate of a pinned authority, and refused with one of another", async () => {
    const { now, repository } = publishing.sim;
    const ca = await makeCertificate(now, { name: "An authority", ca: true });
    const other = await makeCertificate(now, { name: "Another", ca: true });
    rotate(bundleKey(await makeCertificate(now, { name: repository, issuer: ca })));
    const policy = (pem: string) => ruled({ root: { pins: { ca: "ca.pem" } } }, [new X509Certificate(pem)]);
    expect(refusals(policy(ca.pem))).toEqual([]);
    expect(refusals(policy(other.pem))).toEqual(["PIN_MISMATCH root"]);
  });

  it("V36: is refused without one, with the IDs that are pinned and that sign", () => {
    const [finding] = judged(publishing, pinned(["ab".repeat(32)]));
    expect(finding).toMatchObject({
      code: "PIN_MISMATCH",
      severity: "refuse",
      detail: { needed: 1, signed: 0, pinnedIds: ["ab".repeat(32)] },
    });
    expect(finding?.detail?.keyIds).toHaveLength(1);
  });
});

describe("a later root", () => {
  it("is refused with other keys, and both old and new are named", async () => {
    const policy = pinned([certificateId(first())]);
    publishing.accept();
    const [old, next] = [first(), await publishing.sim.rootKey()];
    rotate(next);
    const [finding] = judged(publishing, policy);
    expect(finding).toMatchObject({ code: "PIN_ROTATED", detail: { needed: 1, signed: 0 } });
    const { oldKeyIds, newKeyIds } = finding?.detail ?? {};
    expect(oldKeyIds).not.toEqual(newKeyIds);
    for (const ids of [oldKeyIds, newKeyIds]) expect(finding?.sentence).toContain(String(ids));
    expect(refusals(pinned([certificateId(old), certificateId(next)]))).toEqual([]);
  });

  it("is refused also where the one before was never pinned", async () => {
    publishing.accept();
    rotate(await publishing.sim.rootKey());
    expect(refusals(pinned(["ab".repeat(32)]))).toEqual(["PIN_MISMATCH root"]);
  });

  it("follows the chain with onRotation: anchor", async () => {
    const policy = pinned([certificateId(first())], { onRotation: "anchor" });
    expect(refusals(policy)).toEqual([]);
    publishing.accept();
    rotate(await publishing.sim.rootKey());
    expect(refusals(policy)).toEqual([]);
  });
});

describe("how many pinned keys sign", () => {
  it("is the greater of the root's threshold and minThreshold", async () => {
    const [mine, stranger] = [first(), await publishing.sim.rootKey()];
    rotate(mine, stranger);
    expect(refusals(pinned([certificateId(mine)]))).toEqual([]);
    expect(refusals(pinned([certificateId(mine)], { minThreshold: 2 }))).toEqual(["PIN_MISMATCH root"]);
    expect(refusals(pinned([mine, stranger].map(certificateId), { minThreshold: 2 }))).toEqual([]);
  });

  it("is the root's own threshold, where that is greater", async () => {
    const mine = first();
    publishing.sim.root.threshold = 2;
    rotate(mine, await publishing.sim.rootKey());
    expect(refusals(pinned([certificateId(mine)]))).toEqual(["PIN_MISMATCH root"]);
  });

  it("is left to the thresholds where every signature is by a pinned key", () => {
    const policy = pinned([certificateId(first())], { minThreshold: 2 });
    expect(refusals(policy)).toEqual([]);
    expect(said(judged(publishing, policy))).toContain("POLICY_THRESHOLD root");
  });
});

it("a publication without a root is not asked whose it is", () => {
  publishing.accept();
  publishing.release();
  expect(judged(publishing, pinned(["ab".repeat(32)]))).toEqual([]);
});
