/** Claimed work: all of it, so many at a time, and nothing more once it is stopped. */
import { expect, it } from "vitest";
import { type Claims, workOnClaims } from "../../src/service/claims.ts";

function jobs(count: number) {
  const due = Array.from({ length: count }, (_, i) => i);
  const done: number[] = [];
  const claims: Claims<number> & { asked: number; most: number } = {
    asked: 0,
    most: 0,
    batch: 10,
    atOnce: 4,
    isStopped: () => false,
    async claim(batch) {
      this.asked++;
      return due.splice(0, batch);
    },
    async work(piece) {
      underWay++;
      claims.most = Math.max(claims.most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      done.push(piece);
    },
  };
  claims.claim = claims.claim.bind(claims);
  let underWay = 0;
  return { claims, done, due };
}

it.each([
  [0, 1],
  [9, 1],
  [10, 2],
  [25, 3],
])("of %i pieces each is done once", async (count, asked) => {
  const { claims, done } = jobs(count);
  await workOnClaims(claims);
  expect([...done].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(claims.asked).toBe(asked);
  expect(claims.most).toBe(Math.min(count, 4));
});

it("begins and claims nothing more once it is stopped", async () => {
  const { claims, done, due } = jobs(30);
  await workOnClaims({ ...claims, isStopped: () => done.length > 0 });
  expect(done).toHaveLength(4);
  expect(due).toHaveLength(20);
});

it("throws what the work throws", async () => {
  const { claims } = jobs(3);
  const work = () => Promise.reject(new Error("broken"));
  await expect(workOnClaims({ ...claims, work })).rejects.toThrow("broken");
});
