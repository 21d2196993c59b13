import fc from "fast-check";
import { expect, it } from "vitest";
import { Block } from "../../src/http/block.ts";

it("gives what was appended, whatever the pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 20 }), (pieces) => {
      const block = new Block();
      for (const piece of pieces) block.append(piece);
      expect(block.take()).toEqual(Buffer.concat(pieces));
    }),
  );
});

it("keeps a million single bytes in memory of their own size", () => {
  const block = new Block();
  const piece = Buffer.from("x");
  for (let i = 0; i < 1_000_000; i++) block.append(piece);
  const taken = block.take();
  expect([taken.length, taken.buffer.byteLength]).toEqual([1_000_000, 1_000_000]);
});
